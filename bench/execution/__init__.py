"""One cell: it is run in a worker, seeded, scored and recorded; kept predictions are scored again."""

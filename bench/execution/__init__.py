"""One cell: run in a worker, seeded, scored, recorded; kept predictions are scored again."""

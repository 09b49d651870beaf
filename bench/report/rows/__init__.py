"""From records to the rows of a table: which records count, averaged over seeds."""

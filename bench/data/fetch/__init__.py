"""Fetch the files of a dataset whose card names them, checked by their hashes."""

"""Checks the files of a dataset before anything is trained on them."""

"""One renderer per format of a table."""

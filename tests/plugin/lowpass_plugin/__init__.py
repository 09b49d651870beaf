"""A third party's method for bench."""

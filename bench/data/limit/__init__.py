"""Data sets for detection limits: known lesions in normal volumes, beside their twins."""

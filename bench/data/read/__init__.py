"""From files to arrays: one reader per format."""

"""The cache: generated files, prepared arrays, fingerprints, all made again when they are gone."""

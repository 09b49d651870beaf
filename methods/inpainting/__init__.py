"""Detectors that cut out what looks anomalous and fill the hole with normal tissue."""

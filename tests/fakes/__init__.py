"""Small stand-ins for data sets and detectors."""

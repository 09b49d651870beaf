"""Compare unsupervised anomaly detectors honestly."""

__version__ = "0.1.0"

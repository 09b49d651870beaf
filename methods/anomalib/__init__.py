"""The torch models of anomalib, driven raw; they need the extra ``anomalib``."""

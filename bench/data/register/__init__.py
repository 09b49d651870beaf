"""Bring the volumes of a dataset into MNI space: even brightness, an affine, a brain mask."""

"""Methods that compare local features with those of normal images."""

"""Autoencoders: judge an image by how badly it is rebuilt."""

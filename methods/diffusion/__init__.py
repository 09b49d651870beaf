"""Detectors that noise an image and let a diffusion model take the noise away."""

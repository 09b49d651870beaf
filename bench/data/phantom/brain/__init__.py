"""The brain phantom: anatomy, lesions, contrast and files."""

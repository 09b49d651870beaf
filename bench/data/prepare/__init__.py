"""From volumes and 2-D images to stacks on a common grid, and back."""

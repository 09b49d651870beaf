"""What several families use: training, networks, residuals, files and settings."""

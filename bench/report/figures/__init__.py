"""Charts, galleries and overlays."""

"""The tables that people read, before they have a format."""

"""Looks after a run store: packs it, merges another into it, frees space."""

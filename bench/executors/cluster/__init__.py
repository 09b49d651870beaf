"""Executors that hand cells to a queue: what they share, and one file for each queue."""

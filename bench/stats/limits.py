"""Limits that every statement of a report keeps. No imports, because messages print them too."""

RESAMPLES = 1000
"""Bootstrap resamples over subjects, kept in each record."""
ALPHA = 0.05
"""Error rate of a test, over all comparisons of one table."""
LEVEL = 1 - ALPHA
"""What an interval should cover."""
LEAST_SUBJECTS = 5
"""With fewer, no interval and no comparison is printed (`benchmarks/intervals.py` shows why)."""
POWER = 0.8
"""How often a study should show a difference that is there."""
MOST_SUBJECTS = 1000
"""No larger study is planned: its need is told as ``more than 1,000``."""

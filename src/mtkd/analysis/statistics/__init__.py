"""Intervals, tests and verdicts on arrays of values."""

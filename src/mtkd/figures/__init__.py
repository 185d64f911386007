"""Figures from tables. No numbers are computed here: they come from ``mtkd.analysis``."""

"""Quantities of examples: agreement, failures, calibration, confidence, divergences, diversity."""

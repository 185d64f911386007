"""Losses: what of its teachers a student learns, one file each, found by the file's name."""

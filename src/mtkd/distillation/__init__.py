"""Objectives, the training of teachers and students, bundles and their state."""

"""Corpora to splits, tokenised arrays and batches."""

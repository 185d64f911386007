"""The axes, the product a study spans, its paths, and what determines each stage's numbers."""

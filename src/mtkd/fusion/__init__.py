"""K teachers' logits to soft labels. Pure: arrays in, arrays out; no models, no files."""

"""The file formats of the project: logits, predictions, eval JSON; digests; atomic publication."""

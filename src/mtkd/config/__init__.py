"""The suite as a validated object: what a user may write, and what each mistake is answered."""

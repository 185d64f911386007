"""What people ask of a study from a terminal."""

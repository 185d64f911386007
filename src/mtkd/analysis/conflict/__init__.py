"""Tables of generation studies: what students of several teachers lose, and what mends it."""

"""Engines: how cells are trained, given as a list. Each gives what became of every one of them."""

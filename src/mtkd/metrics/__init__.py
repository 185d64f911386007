"""How predictions of a task are scored: metric modules and the one function that runs them."""

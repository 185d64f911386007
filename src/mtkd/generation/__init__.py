"""Students that learn from teachers' written traces: grammars, verdicts, kinds, identification."""

"""The framework of pooling operators: axioms, certificates, experiments, and its claims."""

"""Students that learn text: prompts, teachers' traces, mixtures, causal models, what they write."""

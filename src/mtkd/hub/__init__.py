"""Models and datasets from the Hugging Face hub: at one commit, checked, in its shared cache."""

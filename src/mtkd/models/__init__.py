"""Encoders with classification heads and their tokenizers, as Transformers classes and folders."""

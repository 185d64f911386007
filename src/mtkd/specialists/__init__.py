"""Specialists of several domains, and one model of them all: merged, routed, or distilled."""

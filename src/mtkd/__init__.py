"""Multi-teacher knowledge distillation studies, run as a Snakemake job graph."""

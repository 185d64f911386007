"""What a run on a cluster needs that Snakemake and its SLURM plugin leave open.

Knows SLURM and the shape of Snakemake's objects, which it is handed and never imports.
"""

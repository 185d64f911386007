"""What the command ``mtkd`` answers, from what is on disk: nothing is locked, run or written.

``export`` alone writes, into a tracker's store and nothing of a study. ``why`` alone knows
Snakemake, whose graph and records it reads; none imports torch. ``progress`` is apart: it runs
Snakemake for ``make study``.
"""

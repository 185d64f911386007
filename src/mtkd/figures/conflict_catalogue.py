"""Which figures a generation study has; as ``mtkd.figures.catalogue``, whose rows these are.

It imports nothing that draws.
"""

from __future__ import annotations

from mtkd.figures.catalogue import Figure
from mtkd.study.catalogue import Catalogue

# In the order in which the page shows them.
CONFLICT_FIGURES: Catalogue = {
    "decline": Figure(
        ("parts",),
        "mtkd.figures.conflict:decline_figure",
        "What a student of several teachers loses",
        "For each set of teachers, the accuracy that their student loses against students of one "
        "teacher, with its interval, and its two parts, dilution and interference. The numbers are "
        "in the table of parts.",
        needs=(),
    ),
    "hybrids": Figure(
        ("hybrids",),
        "mtkd.figures.conflict:hybrids_figure",
        "What kinds of responses students give",
        "For each set of teachers, the shares of pure, slipped, mixed, crossed and broken "
        "responses, the memoryless student's share of hybrids, and accuracy. The numbers are in "
        "the table of kinds.",
        needs=(),
    ),
    "predictors": Figure(
        ("pairs",),
        "mtkd.figures.conflict:predictors_figure",
        "Does telling teachers apart foretell interference?",
        "For each pair of teachers, interference with its interval against three measures of how "
        "well the two are told apart. The numbers are in the table of pairs.",
        needs=(),
    ),
    "modes": Figure(
        ("modes",),
        "mtkd.figures.conflict:modes_figure",
        "What a token that names the teacher is worth",
        "For each marked mixture, accuracy with each teacher's token, with an unseen token and "
        "with none, and of the same traces without tokens. The numbers are in the table of modes.",
        needs=(),
    ),
}

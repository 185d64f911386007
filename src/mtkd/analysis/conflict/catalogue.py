"""The names of a generation study's tables, which rules know without computing them."""

CONFLICT_TABLES = (
    "absent",
    "claims",
    "levels",
    "parts",
    "hybrids",
    "harm",
    "modes",
    "thoughts",
    "remedies",
    "shares",
    "pairs",
    "predictors",
    "predictions",
    "answers",
    "shown",
)

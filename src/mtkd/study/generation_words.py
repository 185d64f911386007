"""The words by which files and tables of generation studies name arms, remedies and modes."""

from __future__ import annotations

# What an arm is there for.
MIXTURE, SINGLE, BUDGET, REMEDY = ROLES = ("mixture", "single", "single-budget", "remedy")
# What a remedy does, where settings say it; else it is one by its recipe's name alone.
MARKED = "marked"
SHUFFLED = "shuffled marks"
DROPPED = "marked, dropout"
FILTERED = "filtered"
ROUTED = "routed"
RANDOM = "random route"
ROUTE_CONTROL = "routed, as a control"
REWRITTEN = "rewritten"
SPLICED = "thought and answer from two teachers"
REPAIRED = "the same, answers that follow alone"
BY_COLUMN = "by column"
DEALT = "by column, dealt out at random"
TWO_MODES = "thinking and at once"
AT_ONCE = "at once alone"
POOLED = "pooled distributions"
ON_POLICY = "own responses"
ITSELF = "own responses, by itself"
COLD_START = "cold start alone"
UNEQUAL = "unequal shares"
REMEDIES = (MARKED, SHUFFLED, DROPPED, FILTERED, ROUTED, RANDOM, ROUTE_CONTROL, REWRITTEN, SPLICED,
            REPAIRED, BY_COLUMN, DEALT, TWO_MODES, AT_ONCE, POOLED, ON_POLICY, ITSELF, COLD_START,
            UNEQUAL)  # fmt: skip
# Those that are there for others to be compared with, and mend nothing.
CONTROLS = (SHUFFLED, SPLICED, RANDOM, ROUTE_CONTROL, DEALT, AT_ONCE, ITSELF, COLD_START)
# Modes that are no teacher's: that of nobody's first token, and that of one that no student saw.
ANY_MODE, UNSEEN_MODE = "any", "unseen"
# How a response is decoded: greedily, or drawn at temperature 1.
GREEDY, DRAWN = "greedy", "T1"

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
UNDEALT = "routed, no random control"
REWRITTEN = "rewritten"
SPLICED = "thought and answer from two teachers"
REPAIRED = "the same, answers that follow alone"
BY_COLUMN = "by column"
DEALT = "by column, dealt out at random"
TWO_MODES = "thinking and at once"
AT_ONCE = "at once alone"
POOLED = "pooled distributions"
REMEDIES = (MARKED, SHUFFLED, DROPPED, FILTERED, ROUTED, RANDOM, UNDEALT, REWRITTEN, SPLICED,
            REPAIRED, BY_COLUMN, DEALT, TWO_MODES, AT_ONCE, POOLED)  # fmt: skip
# Modes that are no teacher's: that of nobody's first token, and that of one that no student saw.
ANY_MODE, UNSEEN_MODE = "any", "unseen"
# How a response is decoded: greedily, or drawn at temperature 1.
GREEDY, DRAWN = "greedy", "T1"

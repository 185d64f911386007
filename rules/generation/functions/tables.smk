# What tables and figures of a generation study there are.
from mtkd.analysis.conflict.catalogue import CONFLICT_TABLES
from mtkd.figures.conflict_catalogue import CONFLICT_FIGURES

# Teachers that one student learns from together, each set once.
SETS = list(dict.fromkeys(arm.label for arm in MIXTURES if len(arm.teachers) > 1))
IDENTIFIED = f"{ROOT}/traces/{{task}}/identified/{{teachers}}.json"

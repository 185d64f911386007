# What tables and figures of a generation study there are.
from mtkd.records.files import digest_folder
from mtkd.analysis.conflict.catalogue import CONFLICT_TABLES
from mtkd.figures.conflict_catalogue import CONFLICT_FIGURES

# Teachers that one student learns from together, each set once.
SETS = list(dict.fromkeys(arm.label for arm in MIXTURES if len(arm.teachers) > 1))
IDENTIFIED = f"{ROOT}/traces/{{task}}/identified/{{teachers}}.json"


def page_digest(suite):
    """A digest of the pages' templates, whatever the suite."""
    return digest_folder(SOURCE / "report")

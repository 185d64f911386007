# What every stage of a study of specialists needs: its bases and tasks, paths, wildcards.
from mtkd.study import specialists
from mtkd.study.prepared import prepared_tasks, variants

LEARNERS = {"bases": STUDY.bases, "students": STUDY.students}
SHARED = [name for name in STUDY.bases if not SUITE.bases[name].own]
OWN = [name for name in STUDY.bases if SUITE.bases[name].own]
TASKS = specialists.learnt_tasks(SUITE)
VARIANTS = variants(SUITE, TASKS)
PREPARED_TASKS = prepared_tasks(SUITE, TASKS)
TRANSFER_LABELS = f"{TASK}/transfer_labels.parquet"
BASE = anchored(paths.BASE)
OWN_BASE = anchored(paths.OWN_BASE)
SPECIALIST = anchored(paths.SPECIALIST)
MERGED = anchored(paths.MERGED)
INTEGRATED = anchored(paths.INTEGRATED)
# What is registered of the study before the first merge and the first student, below whose folder they lie.
REGISTERED = specialists.specialist_registration_settings
STUDENTS = ROOT
TRAIN_CELLS = ("merge_specialists", "train_integrated")


wildcard_constraints:
    task=one_of(dict.fromkeys([*TASKS, *PREPARED_TASKS])),
    base=one_of(STUDY.bases),
    student=one_of(STUDY.students),
    strategy=one_of(STUDY.strategies),
    merge=one_of(SUITE.merges),
    seed=one_of(STUDY.seeds),


def of_study_tasks(pattern):
    """A pattern's path of each task that has a specialist; the other wildcards are left."""
    return expand(pattern, task=STUDY.tasks, allow_missing=True)

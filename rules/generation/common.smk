# What every stage of a generation study needs: its arms with their controls, paths, wildcards, and the
# students that one job trains together.
from mtkd.study import generation
from mtkd.study.generation_words import REMEDY

ARMS = generation.text_arms(SUITE)
# Singles are trained apart: sizes are chosen on them, before there is a mixture.
SINGLES = [arm for arm in ARMS if len(arm.teachers) == 1 and arm.role != REMEDY]
MIXTURES = [arm for arm in ARMS if arm not in SINGLES]
WRITERS = generation.writers_of(SUITE, ARMS)
# What is registered of the study before the first mixture, and where its students lie.
REGISTERED = generation.text_registration_settings
STUDENTS = f"{ROOT}/generators"
TRAIN_CELLS = ("train_mixtures",)
# What of the suite the study trains, or asks.
LEARNERS = {"teachers": WRITERS, "students": STUDY.students}
TRAINED = [name for name in WRITERS if SUITE.teachers[name].is_trained]
# Teachers that one job trains as one model, by the name of its rule.
LOTS = {
    f"train_writers_{number}": lot
    for number, lot in enumerate(generation.writer_lots(SUITE), start=1)
    if set(lot) & set(WRITERS)
}
BY_VLLM = [name for name in WRITERS if SUITE.teachers[name].engine == "vllm"]
TRACES = anchored(paths.TRACES).replace("{teacher_seed}", SUITE.teacher_seed)
WRITER = anchored(paths.WRITER)
TABLES = f"{RESULTS}/tables"


wildcard_constraints:
    task=one_of(STUDY.tasks),
    teacher=one_of(WRITERS),
    student=one_of(STUDY.students),
    seed=one_of(STUDY.seeds),


def fold_arms(pattern, arms):
    """A pattern's path of each of some arms; the other wildcards are left."""
    return [
        pattern.replace("{teachers}", arm.label)
        .replace("{strategy}", arm.strategy)
        .replace("{n}", str(arm.n))
        for arm in arms
    ]


def students_of(pattern):
    """A pattern's path of every student of the study."""
    return expand(
        fold_arms(pattern, ARMS), student=STUDY.students, task=STUDY.tasks, seed=STUDY.seeds
    )

# What every stage of classification needs: paths, wildcards, the cells that one job takes together.
from mtkd.config.values import split_teacher
from mtkd.metrics.names import metric_files
from mtkd.study.code import definition_digest, file_digest
from mtkd.study.facts import study_facts
from mtkd.study.gone import gone_inputs
from mtkd.study.grid import (
    folded_arms,
    folded_axes,
    folded_undistilled,
    teacher_runs,
    teacher_seeds,
)
from mtkd.study.prepared import prepared_tasks, variants

# Not refused: what was made of them may be all that is left of a study, and can be looked at.
if workflow.is_main_process:
    for line in gone_inputs(SUITE, Path(ROOT)):
        print(f"warning: {line}", file=sys.stderr)

VARIANTS = variants(SUITE, STUDY.tasks)
PREPARED_TASKS = prepared_tasks(SUITE, STUDY.tasks)
# Of the suite's teachers those that nobody trains, and those of the study's arms, of whatever seed.
GIVEN_TEACHERS = [name for name, one in SUITE.teachers.items() if one.model.is_given]
STUDY_TEACHERS = list(dict.fromkeys(split_teacher(name)[0] for name in STUDY.teachers))
TRAINED_TEACHERS = [name for name in STUDY_TEACHERS if name not in GIVEN_TEACHERS]
# What of the suite the study trains.
LEARNERS = {"teachers": TRAINED_TEACHERS, "students": STUDY.students}
# What is registered of the study, and where its students lie.
REGISTERED = settings.registration_settings
STUDENTS = f"{ROOT}/students"
# What not every study has, which says what tables and figures there are.
FACTS = study_facts(SUITE)
TRANSFER_LABELS = f"{TASK}/transfer_labels.parquet"
TEACHER = anchored(paths.TEACHER)
OUT_OF_FOLD = anchored(paths.OUT_OF_FOLD)
REFERENCE = anchored(paths.REFERENCE)
CONSTANT = anchored(paths.CONSTANT)
GATE = anchored(paths.GATE)
CELL = anchored(paths.CELL)
UNDISTILLED = anchored(paths.UNDISTILLED)
# Tables, figures and report are a student's: the only one's, or each of several has a folder.
ONE_STUDENT = len(STUDY.students) == 1
OWNER = SUITE.study_name if ONE_STUDENT else f"{SUITE.study_name}/students/{{student}}"
OWN = anchored(paths.STUDY).replace("{study}", OWNER)
TABLES = f"{OWN}/tables"


wildcard_constraints:
    task=one_of(dict.fromkeys([*STUDY.tasks, *PREPARED_TASKS])),
    teacher=one_of(SUITE.teachers),
    teachers=r"(?!none/)[^/]+",
    strategy=r"[^/]+",
    student=one_of(STUDY.students),
    T=one_of(STUDY.T),
    alpha=one_of(STUDY.alpha),
    seed=one_of(STUDY.seeds),
    teacher_seed=one_of(
        dict.fromkeys(
            run.seed for run in teacher_runs(STUDY.teachers, teacher_seeds(SUITE, STUDY.seeds))
        )
    ),


# The axes and arms that one job trains together.
FOLDED = folded_axes(SUITE)
FOLDED_ARMS = folded_arms(SUITE)
FOLDED_UNDISTILLED = folded_undistilled(SUITE)


def fold(pattern):
    """Every path of a bundle: the folded axes' values filled in, the other wildcards left."""
    patterns = [
        pattern.replace("{teachers}", arm.label).replace("{strategy}", arm.strategy)
        for arm in FOLDED_ARMS
    ]
    return expand(patterns or [pattern], **FOLDED, allow_missing=True)


def fold_seeds(pattern):
    """Like ``fold``, for what has neither T nor alpha and belongs to one arm."""
    seeds = {name: values for name, values in FOLDED.items() if name == "seed"}
    return expand(pattern, **seeds, allow_missing=True)


def fold_undistilled(pattern):
    """Like ``fold``, for students without distillation."""
    patterns = [pattern.replace("{strategy}", arm.strategy) for arm in FOLDED_UNDISTILLED]
    return [path for one in patterns or [pattern] for path in fold_seeds(one)]


def of_tasks(pattern):
    """A pattern's paths for every task of the study, whichever student they are of."""
    return expand(pattern, task=STUDY.tasks, allow_missing=True)


def of_students(pattern):
    """A pattern's paths for every student of the study."""
    return expand(pattern, student=STUDY.students) if not ONE_STUDENT else expand(pattern)


def whose(wildcards):
    """The student that tables, figures or a page are of."""
    return STUDY.students[0] if ONE_STUDENT else wildcards.student


@cache
def metric_digest(name):
    return file_digest(*metric_files(name))


def metric_digests(suite, *names):
    """Digests of the metrics that a job computes, as a part of its text."""
    return {name: metric_digest(name) for name in names}

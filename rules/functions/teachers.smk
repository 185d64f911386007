# Teachers that one job takes together, and what jobs on learners ask for.
from mtkd.cluster.requests import state_megabytes
from mtkd.config.schema import greatest_requests
from mtkd.records.files import read_json
from mtkd.study.requests import logits_minutes, training_minutes

# The teachers whose logits are cached, and scored, in one job.
# None where some have a seed of their own: a job is of one seed.
FOLDED_TEACHERS = list(dict.fromkeys(name for arm in FOLDED_ARMS for name in arm.teachers))
if FOLDED_TEACHERS != STUDY_TEACHERS:
    FOLDED_TEACHERS = []
FOLDED_TRAINED = [name for name in FOLDED_TEACHERS if name in TRAINED_TEACHERS]


def fold_teachers(*patterns, teachers=FOLDED_TEACHERS):
    """Every teacher's paths of a task, where one job serves all arms; else the patterns."""
    return [
        pattern.replace("{teacher}", teacher)
        for teacher in teachers or ["{teacher}"]
        for pattern in patterns
    ]


def fold_trained(*patterns):
    """Like ``fold_teachers``, for those that are trained."""
    return fold_teachers(*patterns, teachers=FOLDED_TRAINED)


def answer_files(wildcards):
    """The files that the answers of a teacher come from which is not trained."""
    model, task = teacher_of(wildcards).model, SUITE.tasks[wildcards.task]
    if model.answers is None:
        return vector_inputs(model.vector_files)
    answers = model.answers.of_task(wildcards.task, task.of)
    parts = ["train", "selection", *task.report_splits, *(["transfer"] if task.transfer else [])]
    return list(dict.fromkeys(filter(None, map(answers.path_of, parts))))


def teacher_of(wildcards):
    return SUITE.teachers[wildcards.teacher]


@cache
def recorded(kind):
    """Mean seconds of finished jobs of a kind, for students of one cell; None without a record."""
    from mtkd.study.forecast import recorded_seconds

    return recorded_seconds(kind, Path(BENCHMARKS), Path(LOGS))


def teacher_minutes(wildcards, times=1):
    """Minutes that a job asks for which trains a teacher, or that so many times."""
    known = recorded(f"train_teacher/{wildcards.task}/{wildcards.teacher}")
    return training_minutes(teacher_of(wildcards), wildcards.task, known, times)


def logits_requests(wildcards):
    """What a job on logits asks for: the most that any of its teachers does, and their minutes."""
    teachers = [SUITE.teachers[name] for name in FOLDED_TRAINED or [wildcards.teacher]]
    kind = wildcards.teacher_seed if FOLDED_TRAINED else wildcards.teacher
    known = recorded(f"teacher_logits/{wildcards.task}/{kind}")
    minutes = logits_minutes(teachers, wildcards.task, known)
    return greatest_requests([teacher.resources for teacher in teachers], minutes)


def state_megabytes_of(learner):
    """How large the saved state of a learner's training gets; 0 where its weights are not here yet.

    Encoders that are trained from scratch count as small.
    """
    if learner.model.hub:
        record = Path(model_inputs(learner)[0])
        folder = read_json(record)["folder"] if record.exists() else None
    else:
        folder = learner.model.folder
    return folder_megabytes(folder) if folder else 0


@cache
def folder_megabytes(folder):
    return state_megabytes(Path(folder).glob("*.safetensors"))

# What a bundle of cells takes: its arms, and their teachers' logits, gates and recipes.
from mtkd.study.arms import is_gated
from mtkd.study.recipes import recipes


def seeds_of(wildcards):
    """The student seeds behind a target: the bundle's, or the one in its path."""
    return tuple(FOLDED["seed"]) if "seed" in FOLDED else (wildcards.seed,)


def arms_of(wildcards):
    """The arms behind a bundle: all of them, or the one in its path, which the study must have."""
    if FOLDED_ARMS:
        return FOLDED_ARMS
    asked = (wildcards.teachers, wildcards.strategy)
    arms = [arm for arm in STUDY.arms if (arm.label, arm.strategy) == asked]
    if not arms:
        known = ", ".join(sorted(f"{arm.label}/{arm.strategy}" for arm in STUDY.arms))
        raise WorkflowError(
            f"{'/'.join(asked)} is no arm of study {SUITE.study_name!r}; its arms are {known}"
        )
    return arms


# Kept: jobs that differ in T and alpha alone have the same teachers.
@cache
def logits_of(task, teachers, seeds, split):
    """Logits of some teachers on a split, for every teacher seed behind the students."""
    return expand(
        f"{TEACHER}/logits/{{split}}.safetensors",
        task=task,
        teacher=teachers,
        teacher_seed=teacher_seeds(SUITE, seeds),
        split=split,
    )


def train_logits(wildcards):
    teachers = dict.fromkeys(name for arm in arms_of(wildcards) for name in arm.teachers)
    return logits_of(wildcards.task, tuple(teachers), seeds_of(wildcards), "train")


def selection_logits(wildcards):
    teachers = tuple(wildcards.teachers.split("+"))
    return logits_of(wildcards.task, teachers, seeds_of(wildcards), "selection")


def gates(wildcards):
    """The gates' weights, for the arms that have a gate."""
    return expand(
        f"{GATE}/weights.safetensors",
        student=wildcards.student,
        task=wildcards.task,
        teachers=[arm.label for arm in arms_of(wildcards) if is_gated(SUITE, arm)],
        seed=seeds_of(wildcards),
    )


def students_job(wildcards, strategies):
    """The text of a job that trains students: recipes as many as it has strategies."""
    return job_text(
        "train_students.py",
        settings=(settings.student_settings, wildcards.task, wildcards.student),
        recipes=(recipes, tuple(dict.fromkeys(strategies))),
    )


def minutes_of(wildcards, cells):
    """Minutes that a bundle asks for: its cells are trained one after another."""
    learner = f"{wildcards.student}/{wildcards.task}"
    known = recorded(f"train_students/{learner}") or recorded(f"train_undistilled/{learner}")
    return training_minutes(STUDENT, wildcards.task, known, cells)

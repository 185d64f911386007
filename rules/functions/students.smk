# What a bundle of cells takes: its arms, and their teachers' logits, gates and recipes.
from mtkd.study.arms import is_gated
from mtkd.study.recipes import recipe, recipes, runs_along


def student_of(wildcards):
    return SUITE.students[wildcards.student]


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


def undistilled_of(wildcards):
    """The strategies behind a bundle of undistilled students, which the study must have."""
    if FOLDED_UNDISTILLED:
        return [arm.strategy for arm in FOLDED_UNDISTILLED]
    known = [arm.strategy for arm in STUDY.arms if not arm.teachers]
    if wildcards.strategy not in known:
        raise WorkflowError(
            f"none/{wildcards.strategy} is no arm of study {SUITE.study_name!r}; those without "
            f"distillation are {', '.join(known) or 'none'}"
        )
    return [wildcards.strategy]


def gold_of_transfer(wildcards):
    """The gold labels of transfer rows, for students that are to learn from all labels."""
    return gold_of(undistilled_of(wildcards))


def gold_of(strategies):
    """The gold labels of transfer rows, where one of some strategies learns from all labels."""
    wanted = [recipe(SUITE, strategy).get("gold") for strategy in strategies]
    return [TRANSFER_LABELS] if "all" in wanted else []


# Kept: jobs that differ in T and alpha alone have the same teachers.
@cache
def logits_of(task, teachers, seeds, split):
    """Logits of some teachers on a split, for every teacher seed behind the students."""
    return [f"{folder}/logits/{split}.safetensors" for folder in runs_of(task, teachers, seeds)]


def runs_of(task, teachers, seeds):
    """The folders of the trained teachers behind students of some seeds, each once."""
    runs = teacher_runs(teachers, teacher_seeds(SUITE, seeds))
    folders = [
        TEACHER.format(task=task, teacher=run.teacher, teacher_seed=run.seed) for run in runs
    ]
    return list(dict.fromkeys(folders))


def train_logits(wildcards):
    """The logits on train that a bundle's arms learn from."""
    return logits_learnt(wildcards.task, arms_of(wildcards), seeds_of(wildcards))


def logits_learnt(task, arms, seeds):
    """The logits on train that some arms learn from: in-sample, then out of fold."""
    plain = dict.fromkeys(name for arm in arms if not crossfit_of(arm) for name in arm.teachers)
    return logits_of(task, tuple(plain), seeds, "train") + out_of_fold(task, arms, seeds)


def crossfit_of(arm):
    """The number of folds that an arm's strategy asks for; None for in-sample logits."""
    own = SUITE.strategies.get(arm.strategy)
    return own and own.crossfit


def out_of_fold(task, arms, seeds):
    """The out-of-fold logits that some arms learn from, each file once."""
    found = [
        OUT_OF_FOLD.format(task=task, teacher=run.teacher, teacher_seed=run.seed, folds=folds)
        for arm in arms
        if (folds := crossfit_of(arm))
        for run in teacher_runs(arm.teachers, teacher_seeds(SUITE, seeds))
    ]
    return list(dict.fromkeys(found))


def models_along(wildcards):
    """The models of the teachers that are run along with a bundle's students."""
    return models_of(wildcards.task, arms_of(wildcards), seeds_of(wildcards))


def models_of(task, arms, seeds):
    """The models of the teachers that are run along with students of arms, as some losses want."""
    names = dict.fromkeys(
        name for arm in arms if runs_along(recipe(SUITE, arm.strategy)) for name in arm.teachers
    )
    return [f"{folder}/model" for folder in runs_of(task, names, seeds)]


def selection_logits(wildcards):
    teachers = tuple(wildcards.teachers.split("+"))
    return logits_of(wildcards.task, teachers, seeds_of(wildcards), "selection")


def gates(wildcards):
    """The gates' weights, for a bundle's arms that have a gate."""
    return gates_of(wildcards, arms_of(wildcards), seeds_of(wildcards))


def gates_of(wildcards, arms, seeds):
    """The gates' weights of a task and a student, for those of some arms that have a gate."""
    return expand(
        f"{GATE}/weights.safetensors",
        student=wildcards.student,
        task=wildcards.task,
        teachers=[arm.label for arm in arms if is_gated(SUITE, arm)],
        seed=seeds,
    )


def students_job(wildcards, strategies):
    """The text of a job that trains students: recipes as many as it has strategies."""
    return job_text(
        "train_students.py",
        settings=(settings.student_settings, wildcards.task, wildcards.student),
        recipes=(recipes, tuple(dict.fromkeys(strategies)), wildcards.student),
    )


def minutes_of(rule, wildcards, cells):
    """Minutes that a bundle's job asks for, whose cells are trained one after another."""
    known = recorded(f"{rule}/{wildcards.student}/{wildcards.task}")
    return training_minutes(student_of(wildcards), wildcards.task, known, cells)

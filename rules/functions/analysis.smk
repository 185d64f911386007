# What analyses take of a whole study.


def cells_of(wildcards):
    """The predictions of every cell of a student on one task."""
    return [
        f"{CELL.format(**cell._asdict())}/predictions.safetensors"
        for cell in cells(STUDY)
        if cell.task == wildcards.task and cell.student == whose(wildcards)
    ]


def study_logits(*splits):
    """Every teacher's logits on some splits of a task."""
    folders = runs_of("{task}", STUDY.teachers, STUDY.seeds)
    return [f"{folder}/logits/{split}.safetensors" for folder in folders for split in splits]


def study_out_of_fold(wildcards):
    """The out-of-fold logits that arms learn from on a task."""
    return out_of_fold(wildcards.task, STUDY.arms, STUDY.seeds)


def cells_at_extremes(wildcards):
    """The predictions of a student's distilled cells at the lowest and the highest T."""
    extremes = {min(STUDY.T, key=float), max(STUDY.T, key=float)}
    return [
        f"{CELL.format(**cell._asdict())}/predictions.safetensors"
        for cell in cells(STUDY)
        if cell.T in extremes and cell.student == whose(wildcards)
    ]


def transfer_labels(wildcards):
    """The labels, kept apart, of a variant's transfer texts."""
    # Of a task that has none there is no such file.
    return [TRANSFER_LABELS] if SUITE.tasks[wildcards.task].transfer else []


def study_gates(wildcards):
    """The gates' weights of a task, for the arms that have a gate."""
    return expand(
        f"{GATE}/weights.safetensors",
        student=whose(wildcards),
        task=wildcards.task,
        teachers=[arm.label for arm in STUDY.arms if is_gated(SUITE, arm)],
        seed=STUDY.seeds,
    )


def audit_tables(*names):
    """The audit's tables of every task; none of a study without teachers."""
    tasks = STUDY.tasks if STUDY.teachers else []
    return expand(f"{RESULTS}/audit/{{task}}/{{table}}.csv", task=tasks, table=names)


def claiming_job(script, **parts):
    """The text of a job whose numbers are made of the primary metrics' contributions."""
    primary = dict.fromkeys(SUITE.tasks[task].metrics[0] for task in STUDY.tasks)
    return job_text(script, **parts, metrics=(metric_digests, *primary))

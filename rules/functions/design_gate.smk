# What the gate of a study's design reads.
from mtkd.study.arms import arm_settings, shows_distillation

GATED_TASKS = [task for task in STUDY.tasks if SUITE.tasks[task].gate_rows]


def gate_cells(wildcards):
    """The predictions of the undistilled student and of single-teacher arms, and of nothing else."""
    if ungated := [task for task in STUDY.tasks if task not in GATED_TASKS]:
        raise WorkflowError(
            f"no rows are set apart for the gate on {', '.join(ungated)}; give them 'gate_rows'"
        )
    if len(STUDY.students) > 1 or len(STUDY.T) > 1 or len(STUDY.alpha) > 1:
        raise WorkflowError(
            f"study {SUITE.study_name!r} has several students, T or alpha; the gate is asked of one"
        )
    arms = {
        (arm.label, arm.strategy)
        for arm in STUDY.arms
        if shows_distillation(arm_settings(SUITE, arm))
    }
    return [
        f"{CELL.format(**cell._asdict())}/predictions.safetensors"
        for cell in cells(STUDY)
        if (cell.teachers, cell.strategy) in arms
    ]


def gate_references(wildcards):
    """The predictions of the references on words."""
    names = settings.gate_settings(SUITE)["references"]
    return expand(f"{REFERENCE}/predictions.safetensors", task=STUDY.tasks, reference=names)

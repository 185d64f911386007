"""Which figures there are: from what each is drawn, by what, for which studies; words for pages.

Rules, what draws and pages read it, so it imports nothing that draws. A figure is one row here and
the function that draws it, in a file of its own or a kindred one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from mtkd.study.catalogue import Catalogue

TASK = "{task}"


class Figure(NamedTuple):
    """One row; its key is its files' path in ``folder``, ``{task}`` where it is by task."""

    # Named as their own keys (mtkd.analysis.catalogue).
    tables: tuple[str, ...]
    # module:function, of the tables by name, the study's view and, by task, the task.
    drawing: str
    title: str
    # For those who cannot see it.
    alt: str
    # Of mtkd.study.facts.FACTS; a study that lacks one of them has no such figure.
    needs: tuple[str, ...] = ("teachers",)
    # figures: of a student's tables; fusion: of a study's experiments; operators: of no study.
    folder: str = "figures"


class Drawn(NamedTuple):
    """A figure of some study, and the task if it is of one."""

    name: str
    task: str | None
    path: str  # in its folder, without an extension
    tables: tuple[str, ...]
    row: Figure


# In the order in which the report shows them.
FIGURES: Catalogue = {
    "multi_teacher_advantage": Figure(
        ("claims",),
        "mtkd.figures.claims:advantage_figure",
        "Several teachers against one",
        "For each task, the difference between the best arms of several teachers and of one "
        "teacher, with its interval, against the margin. The numbers are in the table beside it.",
    ),
    "claims": Figure(
        ("claims",),
        "mtkd.figures.claims:claims_figure",
        "What can be claimed",
        "For each task, the effect and interval of every claim, coloured by verdict, against the "
        "margin. The numbers are in the tasks' tables of claims.",
    ),
    "labels": Figure(
        ("runs",),
        "mtkd.figures.labels:labels_figure",
        "What labels are worth",
        "For each task, the score of teachers, students and references at each number of labelled "
        "texts. The numbers are in the table of every method on every task.",
        needs=("teachers", "budgets"),
    ),
    "master_comparison": Figure(
        ("runs",),
        "mtkd.figures.master:master_figure",
        "Every method on every task",
        "A panel for each task with the score of every teacher and student, mean and seeds. The "
        "numbers are in the table of every method on every task.",
        needs=(),
    ),
    "teacher_student_gap": Figure(
        ("gap",),
        "mtkd.figures.gap:gap_figure",
        "Gap closed",
        "For each task, the share of the gap between the undistilled student and its best teacher "
        "that each arm closes. The numbers are in the table of the gap closed.",
    ),
    "ceilings": Figure(
        ("quality",),
        "mtkd.figures.quality:ceilings_figure",
        "Does the better teacher make the better student?",
        "For each task, each arm's student against the teacher, single or fused, that it learned "
        "from, with the undistilled student and the oracle as lines. The numbers are in the tasks' "
        "tables of quality.",
    ),
    "ranking": Figure(
        ("ranking",),
        "mtkd.figures.ranking:ranking_figure",
        "Ranks",
        "Ranks of the arms on each task and over all. The numbers are in the table of ranks.",
    ),
    "performance_profiles": Figure(
        ("profiles",),
        "mtkd.figures.ranking:profiles_figure",
        "How often a run gains how much",
        "For each arm, the share of runs that gain more than a number of points over no "
        "distillation. The numbers at whole points are in the table of the same name.",
    ),
    "agreement_regions": Figure(
        ("agreement",),
        "mtkd.figures.by_region:agreement_figure",
        "Where teachers agree",
        "For each task, the students' accuracy where teachers agree, partly agree and all differ. "
        "The numbers are in the tasks' tables.",
    ),
    "failure_categories": Figure(
        ("failures",),
        "mtkd.figures.by_region:failures_figure",
        "Where errors come from",
        "For each task and arm, the errors per 100 examples, divided by what the teachers did on "
        "the example. The numbers are in the tasks' tables.",
    ),
    "errors_by_ambiguity": Figure(
        ("ambiguity",),
        "mtkd.figures.by_region:ambiguity_figure",
        "Are errors left where people disagree?",
        "For each task, the errors of one rater, of teachers and of students against how much "
        "raters disagree. The numbers are in the tasks' tables.",
        needs=("teachers", "raters"),
    ),
    "teacher_confidence": Figure(
        ("confidence",),
        "mtkd.figures.soft_labels:confidence_figure",
        "How sure teachers are",
        "For each task and teacher, the mean largest probability at each temperature, on train and "
        "report. The numbers are in the tasks' tables.",
    ),
    "fidelity": Figure(
        ("fidelity",),
        "mtkd.figures.soft_labels:fidelity_figure",
        "How students follow their soft labels",
        "For each task, the agreement of students with their soft labels. The numbers are in the "
        "tasks' tables.",
    ),
    "attenuation_students": Figure(
        ("attenuation_students",),
        "mtkd.figures.attenuation:attenuation_students_figure",
        "What students take over of a dissenting teacher",
        "For each task, the mass of a wrong class in students and in their soft labels against the "
        "dissenting teacher's weight, by operator, and the framework's bound. The numbers are in "
        "attenuation_students.csv.",
        needs=("teachers", "pools"),
    ),
    "human_soft_labels": Figure(
        ("human", "quality"),
        "mtkd.figures.soft_labels:human_figure",
        "Do soft labels nearer to people teach better?",
        "For each task, each arm's score against the divergence of its soft labels, at the "
        "temperature of training, from the shares of human raters. The numbers are in the tasks' "
        "tables.",
        needs=("teachers", "raters"),
    ),
    "reliability": Figure(
        ("reliability", "quality"),
        "mtkd.figures.quality:reliability_figure",
        "Reliability",
        "For each task, accuracy against confidence of teachers, the fused teacher and students. "
        "The numbers are in the tasks' tables.",
    ),
    "costs": Figure(
        ("costs", "runs", "quality"),
        "mtkd.figures.costs:costs_figure",
        "Score against cost",
        "For each task, the score of every teacher, the ensemble, students and references against "
        "the time that one example takes, students in ONNX Runtime as well, and the line of those "
        "that no faster one beats. The numbers are in the tables of costs and of every method on "
        "every task.",
        needs=("costs",),
    ),
    "t_alpha_heatmap/{task}": Figure(
        ("runs",),
        "mtkd.figures.heatmap:heatmap_figure",
        "T and alpha",
        "For the task {task}, the score of each arm at every T and alpha. The numbers are in the "
        "task's table.",
        needs=("teachers", "grid"),
    ),
    # Drawn with its table (rule certify_operators), once for all studies.
    "certificates": Figure(
        ("certificates",),
        "mtkd.figures.certificates:certificates_figure",
        "Pooling operators and their axioms",
        "A matrix of operators by readings of the framework's axioms: proved, no violation found, "
        "or violated, with the size of the smallest counterexample. The same is in "
        "certificates.csv.",
        needs=(),
        folder="operators",
    ),
    "{task}/variance": Figure(
        ("{task}/variance", "{task}/scaling"),
        "mtkd.figures.fusion_experiments:variance_figure",
        "Variance",
        "The variance of pools against the number of members, simulated, and of the study's own "
        "teachers. The numbers are in variance.csv and scaling.csv.",
        folder="fusion",
    ),
    "{task}/objectives": Figure(
        ("{task}/objectives",),
        "mtkd.figures.fusion_experiments:objectives_figure",
        "Objectives",
        "Convergence of the mixture objective and the sum of divergences, their gap, and the "
        "distance of the two students. The numbers are in objectives.csv.",
        folder="fusion",
    ),
    "{task}/attenuation": Figure(
        ("{task}/attenuation",),
        "mtkd.figures.fusion_experiments:attenuation_figure",
        "Attenuation in the pool",
        "Mass of a wrong class in the pool, and the share of examples above the bound, against the "
        "weight of the dissenting teacher. The numbers are in attenuation.csv.",
        folder="fusion",
    ),
    "{task}/bias": Figure(
        ("{task}/bias",),
        "mtkd.figures.fusion_experiments:bias_figure",
        "Bias in the pool",
        "What is left in the pool of a bias planted at one teacher, at more and at all, by "
        "operator; and the teachers' own biases by class against the pool's. The numbers are in "
        "bias.csv.",
        folder="fusion",
    ),
}


def figures_of(folder: str, facts: Collection[str]) -> list[str]:
    """Those of a folder that a study has, by name, in the order of the catalogue."""
    return [
        name
        for name, row in FIGURES.items()
        if row.folder == folder and set(row.needs) <= set(facts)
    ]


def drawn(names: Sequence[str], tasks: Sequence[str]) -> list[Drawn]:
    """Figures one by one, those that are by task for each of the tasks."""
    return [
        Drawn(
            name,
            task,
            name.replace(TASK, task or ""),
            tuple(table.replace(TASK, task or "") for table in FIGURES[name].tables),
            FIGURES[name],
        )
        for name in names
        for task in (tasks if TASK in name else [None])
    ]


def drawn_as(png: Path, tasks: Sequence[str]) -> Drawn:
    """Which figure a file of some study is. Raises KeyError of one that is none."""
    for figure in drawn(list(FIGURES), tasks):
        if f"/{png.as_posix()}".endswith(f"/{figure.row.folder}/{figure.path}.png"):
            return figure
    raise KeyError(str(png))

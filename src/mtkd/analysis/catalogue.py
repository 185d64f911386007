"""Which tables there are: the rule that makes each, for which studies, its title on pages.

Rules, pages and LaTeX read it, so it imports nothing that makes tables. A table is one row here and
the function that makes it, which its rule's script calls.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

TASK = "{task}"


class Table(NamedTuple):
    """One row; its key is the path of its CSV in its rule's folder, ``{task}`` if it is by task."""

    rule: str
    # As pages and LaTeX, which read no other, head it.
    title: str = ""
    # Of mtkd.study.facts.FACTS; a study that lacks one of them has no such table.
    needs: tuple[str, ...] = ()


TABLES = {
    # Of a student of a study, in its folder tables/.
    "runs": Table("make_tables"),
    "failed": Table("make_tables", "Failed runs"),
    "master": Table("master_table", "Every method on every task"),
    "skill": Table("master_table", "Against one answer for every example"),
    "quality": Table("analyse_examples", "Quality and calibration"),
    "reliability": Table("analyse_examples", "Reliability"),
    "agreement": Table("analyse_examples", "Where teachers agree"),
    "disagreement": Table("analyse_examples", "Who is right where teachers disagree"),
    "ambiguity": Table("analyse_examples", "Are errors left where people disagree?"),
    "failures": Table("analyse_examples", "Failures"),
    "fidelity": Table("analyse_examples", "How students follow their soft labels"),
    "confidence": Table("analyse_examples", "How sure the teachers are"),
    "identification": Table("analyse_examples", "Telling teachers by their soft labels"),
    "human": Table("analyse_examples", "Closeness to human raters"),
    "human_prediction": Table("analyse_examples", "Do soft labels nearer to people teach better?"),
    "claims": Table("state_claims", "Claims"),
    "audit_scored": Table("state_claims", "What the audit predicted and what came of it"),
    "audit_skill": Table("state_claims", "How well the audit predicted"),
    "inheritance": Table("state_claims", "What a better teacher gives its student"),
    "checks": Table("state_claims", "Second opinions"),
    "flags": Table("state_claims", "What the rules of evidence object to"),
    "gap": Table("state_claims", "Gap closed"),
    "grid": Table("state_claims", "T and alpha"),
    "ranking": Table("state_claims", "Ranks"),
    "over_tasks": Table("state_claims", "Arms over all tasks"),
    "profiles": Table("state_claims", "How often a run gains how much"),
    "interaction": Table("state_interactions", "Temperature and fusion", ("temperatures",)),
    "costs": Table("measure_costs", "What each model costs to run", ("costs",)),
    "framework": Table("framework_claims", "Every claim", ("pools",)),
    "attenuation_students": Table("framework_claims", needs=("pools",)),
    "diversity_gain": Table("framework_claims", "Diversity and gain", ("pools",)),
    # Of a task's teachers, in audit/.
    "{task}/label_map": Table("audit_teachers", "Label map", ("teachers",)),
    "{task}/pairs": Table("audit_teachers", "Pairs of teachers", ("teachers",)),
    "{task}/ceilings": Table(
        "audit_teachers", "Teachers, fused teachers and the oracle", ("teachers",)
    ),
    "{task}/confidence": Table("audit_teachers", "Confidence at each T", ("teachers",)),
    "{task}/identification": Table(
        "audit_teachers", "Telling teachers by their soft labels", ("teachers",)
    ),
    "{task}/summary": Table("audit_teachers", "How much the teachers differ", ("teachers",)),
    "{task}/predictions": Table("audit_teachers", "What is predicted", ("teachers",)),
    # The framework's experiments on them, in fusion/.
    "{task}/variance": Table("fusion_experiments", needs=("teachers",)),
    "{task}/scaling": Table("fusion_experiments", needs=("teachers",)),
    "{task}/objectives": Table("fusion_experiments", needs=("teachers",)),
    "{task}/attenuation": Table("fusion_experiments", needs=("teachers",)),
    "{task}/bias": Table("fusion_experiments", needs=("teachers",)),
    "{task}/claims": Table("fusion_experiments", needs=("teachers",)),
    # Of all students of a study that has several, in its folder.
    "students": Table("students_table"),
    "capacity": Table("students_table"),
    # Of operators, whatever the study, in operators/.
    "certificates": Table("certify_operators"),
}


def tables_by(rule: str) -> list[str]:
    """What a rule makes, by name."""
    return [name for name, row in TABLES.items() if row.rule == rule]


def tables_shown(facts: Collection[str]) -> list[str]:
    """What the report and LaTeX read of a study's results, by name."""
    return [
        name
        for name, row in TABLES.items()
        if row.title and TASK not in name and set(row.needs) <= set(facts)
    ]

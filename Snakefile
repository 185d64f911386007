# A multi-teacher distillation study as a job graph. Of classification:
#   task data -> teachers -> teachers' logits -> students (in bundles) -> scores -> tables -> figures,
#   report
# Of generation, where teachers write and students learn their text:
#   prompts -> teachers' traces -> students of one, of several -> scores -> tables -> report
# Of specialists, each of a task, and one model of them all:
#   task data -> bases -> specialists -> merges, a router, students -> tables -> report
# One invocation runs one study of one suite; see README.md and config/README.md.
from snakemake.utils import min_version

min_version("9.27")


report: "report/captions/workflow.rst"


include: "rules/suite.smk"


if is_generation(config):

    include: "rules/generation/common.smk"
    include: "rules/generation/prompts.smk"
    include: "rules/fetch.smk"
    include: "rules/generation/teachers.smk"
    include: "rules/generation/verdicts.smk"
    include: "rules/registration.smk"
    include: "rules/generation/students.smk"
    include: "rules/generation/tables.smk"
    include: "rules/hooks/plan_generation.smk"

    rule all:
        default_target: True
        input:
            rules.traces_table.output,
            rules.conflict_tables.output,
            rules.conflict_figures.output,
            rules.conflict_report.output,

elif is_specialists(config):

    include: "rules/specialists/common.smk"
    include: "rules/fetch.smk"
    include: "rules/tasks.smk"
    include: "rules/specialists/teachers.smk"
    include: "rules/registration.smk"
    include: "rules/specialists/integration.smk"
    include: "rules/specialists/tables.smk"
    include: "rules/hooks/plan_specialists.smk"

    rule all:
        default_target: True
        input:
            rules.specialist_tables.output,
            rules.specialist_report.output,

else:

    include: "rules/common.smk"
    include: "rules/fetch.smk"
    include: "rules/tasks.smk"
    include: "rules/references.smk"
    include: "rules/teachers.smk"
    include: "rules/registration.smk"
    include: "rules/students.smk"
    include: "rules/scores.smk"
    include: "rules/tables.smk"
    include: "rules/models.smk"
    include: "rules/analysis.smk"
    include: "rules/design_gate.smk"
    include: "rules/costs.smk"
    include: "rules/figures.smk"
    include: "rules/framework.smk"
    include: "rules/published.smk"
    include: "rules/report.smk"
    include: "rules/smoke.smk"
    include: "rules/hooks/plan.smk"

    rule all:
        default_target: True
        input:
            of_students(rules.make_tables.output.runs),
            of_students(rules.make_tables.output.failed),
            of_students(rules.master_table.output.master),
            of_students(rules.draw_figures.output),
            rules.audit.output if STUDY.teachers else [],
            of_students(rules.report.output),
            of_students(rules.latex_tables.output),
            [] if ONE_STUDENT else rules.students_table.output,
            models_to_keep,

    rule teachers:
        input:
            teacher_evals(),

    rule students:
        input:
            all_cells,


include: "rules/hooks/slurm.smk"
include: "rules/hooks/start.smk"

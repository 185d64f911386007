# A multi-teacher distillation study as a job graph:
#   task data -> teachers -> teachers' logits -> students (in bundles) -> scores -> tables -> figures,
#   report
# One invocation runs one study of one suite; see README.md and config/README.md.
from snakemake.utils import min_version

min_version("9.27")


report: "report/captions/workflow.rst"


include: "rules/common.smk"
include: "rules/fetch.smk"
include: "rules/tasks.smk"
include: "rules/teachers.smk"
include: "rules/students.smk"
include: "rules/scores.smk"
include: "rules/tables.smk"
include: "rules/analysis.smk"
include: "rules/figures.smk"
include: "rules/fusion.smk"
include: "rules/published.smk"
include: "rules/report.smk"
include: "rules/smoke.smk"
include: "rules/hooks/slurm.smk"
include: "rules/hooks/start.smk"
include: "rules/hooks/plan.smk"


rule all:
    default_target: True
    input:
        rules.make_tables.output.runs,
        rules.make_tables.output.failed,
        rules.master_table.output.master,
        study_figures(),
        rules.audit.output if STUDY_TEACHERS else [],
        rules.report.output,
        rules.latex_tables.output,


rule teachers:
    input:
        [teacher_eval(task, teacher) for task, teacher in tasks_with_teachers(STUDY)],


rule students:
    input:
        all_cells,

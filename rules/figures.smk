# Figures of the chosen study, drawn from its tables alone.


def has_grid():
    return len(STUDY.T) * len(STUDY.alpha) > 1


def study_figures():
    names = ["master_comparison", "teacher_student_gap"]
    names += [f"t_alpha_heatmap/{task}" for task in STUDY.tasks] if has_grid() else []
    return expand(FIGURES + "/{name}.{kind}", name=names, kind=["png", "pdf"])


localrules:
    master_comparison,
    teacher_student_gap,
    t_alpha_heatmap,


# Every method on every task, with a point per seed.
rule master_comparison:
    input:
        runs=rules.make_tables.output.runs,
    output:
        png=FIGURES + "/master_comparison.png",
        pdf=FIGURES + "/master_comparison.pdf",
    params:
        settings=canonical(settings.figure_settings),
        code=code_of("master_comparison.py"),
    log:
        f"{LOGS}/master_comparison/{SUITE.study_name}.log",
    conda:
        "../envs/analysis.yaml"
    shell:
        "python {SOURCE}/workflow/scripts/master_comparison.py --settings {params.settings:q}"
        " --runs {input.runs:q} --output {output.png:q} > {log:q} 2>&1"


# How much of the way from the undistilled student to its teacher each arm covers.
rule teacher_student_gap:
    input:
        runs=rules.make_tables.output.runs,
    output:
        png=FIGURES + "/teacher_student_gap.png",
        pdf=FIGURES + "/teacher_student_gap.pdf",
    params:
        settings=canonical(settings.figure_settings),
        code=code_of("teacher_student_gap.py"),
    log:
        f"{LOGS}/teacher_student_gap/{SUITE.study_name}.log",
    conda:
        "../envs/analysis.yaml"
    shell:
        "python {SOURCE}/workflow/scripts/teacher_student_gap.py --settings {params.settings:q}"
        " --runs {input.runs:q} --output {output.png:q} > {log:q} 2>&1"


# Each arm over T and alpha, for studies that span them.
rule t_alpha_heatmap:
    input:
        runs=rules.make_tables.output.runs,
    output:
        png=FIGURES + "/t_alpha_heatmap/{task}.png",
        pdf=FIGURES + "/t_alpha_heatmap/{task}.pdf",
    params:
        settings=canonical(settings.figure_settings),
        code=code_of("t_alpha_heatmap.py"),
    log:
        f"{LOGS}/t_alpha_heatmap/{SUITE.study_name}/{{task}}.log",
    conda:
        "../envs/analysis.yaml"
    shell:
        "python {SOURCE}/workflow/scripts/t_alpha_heatmap.py --settings {params.settings:q}"
        " --runs {input.runs:q} --task {wildcards.task:q} --output {output.png:q} > {log:q} 2>&1"

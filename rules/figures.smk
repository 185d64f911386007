# Figures of the chosen study, drawn from its tables alone.


localrules:
    master_comparison,
    teacher_student_gap,
    t_alpha_heatmap,


# Every method on every task, with a point per seed.
rule master_comparison:
    input:
        runs=rules.make_tables.output.runs,
    output:
        png=f"{FIGURES}/master_comparison.png",
        pdf=f"{FIGURES}/master_comparison.pdf",
    log:
        f"{LOGS}/master_comparison/{SUITE.study_name}.log",
    benchmark:
        f"{BENCHMARKS}/master_comparison/{SUITE.study_name}.tsv"
    conda:
        "../envs/analysis.yaml"
    params:
        settings=canonical(settings.figure_settings),
        code=lambda wildcards: code_of("master_comparison.py"),
    shell:
        'python "$SCRIPTS"/master_comparison.py --settings {params.settings:q}'
        " --runs {input.runs:q} --output {output.png:q} > {log:q} 2>&1"


# How much of the way from the undistilled student to its teacher each arm covers.
rule teacher_student_gap:
    input:
        runs=rules.make_tables.output.runs,
    output:
        png=f"{FIGURES}/teacher_student_gap.png",
        pdf=f"{FIGURES}/teacher_student_gap.pdf",
    log:
        f"{LOGS}/teacher_student_gap/{SUITE.study_name}.log",
    benchmark:
        f"{BENCHMARKS}/teacher_student_gap/{SUITE.study_name}.tsv"
    conda:
        "../envs/analysis.yaml"
    params:
        settings=canonical(settings.figure_settings),
        code=lambda wildcards: code_of("teacher_student_gap.py"),
    shell:
        'python "$SCRIPTS"/teacher_student_gap.py --settings {params.settings:q}'
        " --runs {input.runs:q} --output {output.png:q} > {log:q} 2>&1"


# Each arm over T and alpha, for studies that span them.
rule t_alpha_heatmap:
    input:
        runs=rules.make_tables.output.runs,
    output:
        png=f"{FIGURES}/t_alpha_heatmap/{{task}}.png",
        pdf=f"{FIGURES}/t_alpha_heatmap/{{task}}.pdf",
    log:
        f"{LOGS}/t_alpha_heatmap/{SUITE.study_name}/{{task}}.log",
    benchmark:
        f"{BENCHMARKS}/t_alpha_heatmap/{SUITE.study_name}/{{task}}.tsv"
    conda:
        "../envs/analysis.yaml"
    params:
        settings=canonical(settings.figure_settings),
        code=lambda wildcards: code_of("t_alpha_heatmap.py"),
    shell:
        'python "$SCRIPTS"/t_alpha_heatmap.py --settings {params.settings:q}'
        " --runs {input.runs:q} --task {wildcards.task:q} --output {output.png:q} > {log:q} 2>&1"

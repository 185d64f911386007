# Figures of the chosen study, drawn from its tables alone.
include: "functions/figures.smk"


localrules:
    draw_figure,
    t_alpha_heatmap,


FIGURES = f"{OWN}/figures"
# The tables that each figure is drawn from.
FIGURE_TABLES = {
    "master_comparison": ["runs"],
    "teacher_student_gap": ["gap"],
    "claims": ["claims"],
    "multi_teacher_advantage": ["claims"],
    "agreement_regions": ["agreement"],
    "failure_categories": ["failures"],
    "teacher_confidence": ["confidence"],
    "fidelity": ["fidelity"],
    "human_soft_labels": ["human", "quality"],
    "reliability": ["reliability", "quality"],
    "ceilings": ["quality"],
    "ranking": ["ranking"],
    "performance_profiles": ["profiles"],
    "attenuation_students": ["attenuation_students"],
}


rule draw_figure:
    input:
        tables=lambda wildcards: expand(
            f"{TABLES}/{{table}}.csv",
            table=FIGURE_TABLES[wildcards.figure],
            allow_missing=True,
        ),
    output:
        png=report(
            f"{FIGURES}/{{figure}}.png",
            caption="../report/captions/figure.rst",
            category="Figures",
            labels={"figure": "{figure}"},
        ),
        pdf=f"{FIGURES}/{{figure}}.pdf",
    log:
        f"{LOGS}/draw_figure/{OWNER}/{{figure}}.log",
    benchmark:
        f"{BENCHMARKS}/draw_figure/{OWNER}/{{figure}}.tsv"
    wildcard_constraints:
        figure=one_of(FIGURE_TABLES),
    conda:
        "../envs/analysis.yaml"
    params:
        job=lambda wildcards: job_text(
            "draw_figure.py", settings=(settings.figure_settings, whose(wildcards))
        ),
    shell:
        'python "$SCRIPTS"/draw_figure.py --job {params.job:q}'
        " --figure {wildcards.figure:q} --tables {input.tables:q} --output {output.png:q}"
        " > {log:q} 2>&1"


# Each arm over T and alpha, for studies that span them.
rule t_alpha_heatmap:
    input:
        runs=rules.make_tables.output.runs,
    output:
        png=report(
            f"{FIGURES}/t_alpha_heatmap/{{task}}.png",
            caption="../report/captions/heatmap.rst",
            category="T and alpha",
            labels={"task": "{task}"},
        ),
        pdf=f"{FIGURES}/t_alpha_heatmap/{{task}}.pdf",
    log:
        f"{LOGS}/t_alpha_heatmap/{OWNER}/{{task}}.log",
    benchmark:
        f"{BENCHMARKS}/t_alpha_heatmap/{OWNER}/{{task}}.tsv"
    conda:
        "../envs/analysis.yaml"
    params:
        job=lambda wildcards: job_text(
            "t_alpha_heatmap.py", settings=(settings.figure_settings, whose(wildcards))
        ),
    shell:
        'python "$SCRIPTS"/t_alpha_heatmap.py --job {params.job:q}'
        " --runs {input.runs:q} --task {wildcards.task:q} --output {output.png:q} > {log:q} 2>&1"

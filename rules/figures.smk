# Figures of the chosen study, drawn from its tables alone.


localrules:
    draw_figure,
    t_alpha_heatmap,


rule draw_figure:
    input:
        tables=figure_tables,
    output:
        png=report(
            f"{FIGURES}/{{figure}}.png",
            caption="../report/captions/figure.rst",
            category="Figures",
            labels={"figure": "{figure}"},
        ),
        pdf=f"{FIGURES}/{{figure}}.pdf",
    log:
        f"{LOGS}/draw_figure/{SUITE.study_name}/{{figure}}.log",
    benchmark:
        f"{BENCHMARKS}/draw_figure/{SUITE.study_name}/{{figure}}.tsv"
    wildcard_constraints:
        figure=one_of(FIGURE_TABLES),
    conda:
        "../envs/analysis.yaml"
    params:
        settings=canonical(settings.figure_settings),
        code=lambda wildcards: code_of("draw_figure.py"),
    shell:
        'python "$SCRIPTS"/draw_figure.py --settings {params.settings:q}'
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

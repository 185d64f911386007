# Figures of the chosen study, drawn from its tables alone.
include: "functions/figures.smk"


localrules:
    draw_figures,


FIGURES = f"{OWN}/figures"


# All in one process, which takes longer to start than to draw one. Snakemake deletes all outputs of a
# job that runs again: figures that would be as they were come back from where they are kept.
rule draw_figures:
    input:
        expand(f"{TABLES}/{{table}}.csv", table=tables_drawn_in("figures"), allow_missing=True),
    output:
        png=[reported(figure) for figure in drawn_in("figures")],
        pdf=[f"{FIGURES}/{figure.path}.pdf" for figure in drawn_in("figures")],
    log:
        f"{LOGS}/draw_figures/{OWNER}.log",
    benchmark:
        f"{BENCHMARKS}/draw_figures/{OWNER}.tsv"
    conda:
        "../envs/analysis.yaml"
    params:
        job=lambda wildcards: drawing_job("figures", whose(wildcards)),
        tables=subpath(input[0], parent=True),
        folder=subpath(output[0], parent=True),
        kept=f"{STATE}/figures",
    shell:
        'python "$SCRIPTS"/draw_figures.py --job {params.job:q}'
        " --tables {params.tables:q} --output {params.folder:q} --kept {params.kept:q} > {log:q} 2>&1"

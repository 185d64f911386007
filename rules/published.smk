# The tables of a published study, analysed as our own: no suite has a part in it.
PUBLISHED = SOURCE / "config" / "published"


localrules:
    published_tables,
    published,


rule published_tables:
    input:
        statements=str(PUBLISHED / "study.yaml"),
        tables=sorted(map(str, PUBLISHED.glob("*.csv"))),
    output:
        derived="results/published/tables/derived.csv",
        flags="results/published/tables/flags.csv",
        report="results/published/tables/report.txt",
    log:
        "logs/published/published_tables.log",
    conda:
        "../envs/analysis.yaml"
    params:
        job=lambda wildcards: job_text("published_tables.py"),
        tables=subpath(input.statements, parent=True),
        folder=subpath(output.report, parent=True),
    shell:
        'python "$SCRIPTS"/published_tables.py'
        " --tables {params.tables:q} --output {params.folder:q} > {log:q} 2>&1"


# What it says, each time it is asked for.
rule published:
    input:
        rules.published_tables.output.report,
    log:
        "logs/published/published.log",
    conda:
        "../envs/analysis.yaml"
    shell:
        "tee {log:q} < {input:q}"

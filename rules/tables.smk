# Tables: the scored runs of the chosen study, checked to be all of them and to belong together.
include: "functions/tables.smk"


localrules:
    make_tables,
    partial,


rule make_tables:
    input:
        evals=lambda wildcards: student_evals(whose(wildcards)),
    output:
        runs=f"{TABLES}/runs.csv",
        failed=f"{TABLES}/failed.csv",
        provenance=f"{TABLES}/provenance.json",
    log:
        f"{LOGS}/make_tables/{OWNER}.log",
    benchmark:
        f"{BENCHMARKS}/make_tables/{OWNER}.tsv"
    conda:
        "../envs/analysis.yaml"
    params:
        job=lambda wildcards: tables_job(whose(wildcards)),
        folder=subpath(output.runs, parent=True),
    # Thousands of paths do not fit on a command line: they come through a pipe.
    shell:
        "printf '%s\\n' {input.evals:q} |"
        ' python "$SCRIPTS"/make_tables.py --job {params.job:q}'
        " --evals - --output {params.folder:q} > {log:q} 2>&1"


# What exists, without waiting for what is pending or failed, which is named.
rule partial:
    log:
        f"{LOGS}/partial/{SUITE.study_name}.log",
    conda:
        "../envs/analysis.yaml"
    params:
        tables=lambda wildcards: "\n".join(map(partial_tables, STUDY.students)),
    shell:
        "({params.tables}) 2>&1 | tee {log:q}"

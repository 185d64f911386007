# Tables: the scored runs of the chosen study, checked to be all of them and to belong together.


def study_evals():
    """The scored records of every run of the study: cells, teachers, references."""
    teachers = [teacher_eval(task, teacher) for task, teacher in tasks_with_teachers(STUDY)]
    references = expand(REFERENCE + "/eval.json", task=STUDY.tasks)
    return [*all_cells("eval.json"), *sum(teachers, []), *references]


def study_tables():
    return [f"{TABLES}/{name}" for name in ("runs.csv", "master.csv", "failed.csv")]


localrules:
    make_tables,
    partial,


rule make_tables:
    input:
        evals=study_evals(),
    output:
        runs=TABLES + "/runs.csv",
        master=TABLES + "/master.csv",
        text=TABLES + "/master.txt",
        failed=TABLES + "/failed.csv",
    params:
        settings=canonical(settings.table_settings),
        code=code_of("make_tables.py"),
    log:
        f"{LOGS}/make_tables/{SUITE.study_name}.log",
    benchmark:
        f"{BENCHMARKS}/make_tables/{SUITE.study_name}.tsv"
    conda:
        "../envs/analysis.yaml"
    # Thousands of paths do not fit on a command line: they come through a pipe.
    shell:
        "printf '%s\\n' {input.evals:q} | python {SOURCE}/workflow/scripts/make_tables.py"
        " --settings {params.settings:q} --evals - --output {TABLES:q} > {log:q} 2>&1"


# What exists, without waiting for what is pending or failed, which is named.
rule partial:
    params:
        settings=canonical(settings.table_settings),
        evals=study_evals(),
    log:
        f"{LOGS}/partial/{SUITE.study_name}.log",
    conda:
        "../envs/analysis.yaml"
    shell:
        "printf '%s\\n' {params.evals:q} | python {SOURCE}/workflow/scripts/make_tables.py"
        " --settings {params.settings:q} --evals - --partial --output {TABLES:q}/partial"
        " 2>&1 | tee {log:q}"

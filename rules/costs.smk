# What each model of the study costs to run, measured where the job runs: a table of a machine, which no
# claim is made of. In the report where the suite says `costs: true`; the target `costs` needs no such key.
include: "functions/costs.smk"


localrules:
    costs,


rule measure_costs:
    input:
        data=of_tasks(rules.prepare_task.output[:3]),
        infos=of_tasks(rules.prepare_task.output.info),
        models=list(dict.fromkeys(file for one in learners() for file in model_inputs(one))),
        references=references_on_words(),
    output:
        of_students(f"{TABLES}/costs.csv"),
    log:
        f"{LOGS}/measure_costs/{SUITE.study_name}.log",
    benchmark:
        f"{BENCHMARKS}/measure_costs/{SUITE.study_name}.tsv"
    # Pages alone wait for it; and what it times is better timed when little else is left to do.
    priority: -1
    conda:
        "../envs/onnx.yaml"
    threads: measuring_threads
    resources:
        gpu=measuring_requests().gpu,
        mem_mb=lambda wildcards, attempt: measuring_requests().mem_mb * tries_of_memory(attempt),
        runtime=small_minutes,
    params:
        job=lambda wildcards: job_text("measure_costs.py", settings=(settings.costs_settings,)),
        tasks=lambda wildcards: of_tasks(TASK),
        fetched=fetched_records(),
        gpu=lambda wildcards, input: measuring_requests().gpu,
        state=STATE,
    shell:
        'python "$SCRIPTS"/measure_costs.py --job {params.job:q}'
        " --tasks {params.tasks:q} --references {input.references:q} --fetched {params.fetched:q}"
        " --state {params.state:q} --threads {threads} --gpu {params.gpu} $ALLOW_CPU"
        " --outputs {output:q} > {log:q} 2>&1"


rule costs:
    input:
        rules.measure_costs.output,

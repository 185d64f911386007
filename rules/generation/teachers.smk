# Teachers of text: programs, models that learn a way of working, traces that there are. What each wrote
# on the transfer prompts is all that students see of it.
from itertools import chain


include: "functions/teachers.smk"


rule train_writer:
    input:
        teach=rules.make_prompts.output.splits,
        info=rules.make_prompts.output.info,
        model=lambda wildcards: model_inputs(writer_of(wildcards)),
    output:
        model=directory(f"{TRACES}/model"),
        traces=f"{TRACES}/traces.parquet",
        record=f"{TRACES}/run.json",
    log:
        f"{LOGS}/train_writer/{{task}}/{{teacher}}.log",
    benchmark:
        f"{BENCHMARKS}/train_writer/{{task}}/{{teacher}}.tsv"
    wildcard_constraints:
        teacher=one_of([name for name in TRAINED if name not in chain(*LOTS.values())]),
    conda:
        "../../envs/torch.yaml"
    threads: lambda wildcards: writer_of(wildcards).resources.threads
    resources:
        gpu=lambda wildcards: writer_of(wildcards).resources.gpu,
        mem_mb=lambda wildcards, attempt: writer_of(wildcards).resources.mem_mb
        * tries_of_memory(attempt),
        runtime=lambda wildcards, attempt: training_minutes(
            writer_of(wildcards), wildcards.task, None
        )
        * tries_of_time(attempt),
    params:
        job=writer_job,
        fetched=lambda wildcards: fetched_option(writer_of(wildcards)),
        folder=subpath(input.info, parent=True),
        gpu=lambda wildcards, input: writer_of(wildcards).resources.gpu,
        seed=SUITE.teacher_seed,
        state=STATE,
        interpreter="python",
        model=lambda wildcards, output: f"--model {output[0]}",
    shell:
        '{params.interpreter} "$SCRIPTS"/write_traces.py --job {params.job:q} --task {params.folder:q}'
        " --teacher {wildcards.teacher:q} --seed {params.seed:q} {params.fetched}"
        " --state {params.state:q} --threads {threads} --gpu {params.gpu} $ALLOW_CPU"
        ' --save-minutes "$SAVE_MINUTES" {params.model}'
        " --traces {output.traces:q} > {log:q} 2>&1"


# Small ones that are alike, several a job: a rule for each lot, as no wildcard stands for several teachers.
for name, lot in LOTS.items():
    first = SUITE.teachers[lot[0]]

    rule:
        name:
            name
        input:
            teach=rules.make_prompts.output.splits,
            info=rules.make_prompts.output.info,
            model=model_inputs(first),
        output:
            models=[directory(path) for path in of_teachers(f"{TRACES}/model", lot)],
            traces=of_teachers(f"{TRACES}/traces.parquet", lot),
            records=of_teachers(f"{TRACES}/run.json", lot),
        log:
            f"{LOGS}/train_writers/{{task}}/{lot[0]}.log",
        benchmark:
            f"{BENCHMARKS}/train_writers/{{task}}/{lot[0]}.tsv"
        conda:
            "../../envs/torch.yaml"
        threads: first.resources.threads
        resources:
            gpu=first.resources.gpu,
            mem_mb=lambda wildcards, attempt, first=first: first.resources.mem_mb
            * tries_of_memory(attempt),
            runtime=lambda wildcards, attempt, first=first, lot=lot: training_minutes(
                first, wildcards.task, None, len(lot)
            )
            * tries_of_time(attempt),
        params:
            job=lambda wildcards, lot=lot: lot_job(wildcards, lot),
            fetched=fetched_option(first),
            folder=subpath(input.info, parent=True),
            gpu=first.resources.gpu,
            teachers=lot,
            seed=SUITE.teacher_seed,
            state=STATE,
        shell:
            'python "$SCRIPTS"/write_traces.py --job {params.job:q} --task {params.folder:q}'
            " --teacher {params.teachers:q} --seed {params.seed:q} {params.fetched}"
            " --state {params.state:q} --threads {threads} --gpu {params.gpu} $ALLOW_CPU"
            ' --save-minutes "$SAVE_MINUTES" --model {output.models:q}'
            " --traces {output.traces:q} > {log:q} 2>&1"


# Of what is not trained here: a program, a model as it is, a file.
use rule train_writer as write_traces with:
    input:
        teach=rules.make_prompts.output.splits,
        info=rules.make_prompts.output.info,
        model=lambda wildcards: model_inputs(writer_of(wildcards)),
        file=lambda wildcards: writer_of(wildcards).traces or [],
    output:
        traces=f"{TRACES}/traces.parquet",
        record=f"{TRACES}/run.json",
    log:
        f"{LOGS}/write_traces/{{task}}/{{teacher}}.log",
    benchmark:
        f"{BENCHMARKS}/write_traces/{{task}}/{{teacher}}.tsv"
    wildcard_constraints:
        teacher=one_of([name for name in WRITERS if name not in [*TRAINED, *BY_VLLM]]),
    params:
        job=writer_job,
        fetched=lambda wildcards: fetched_option(writer_of(wildcards)),
        folder=subpath(input.info, parent=True),
        gpu=lambda wildcards, input: writer_of(wildcards).resources.gpu,
        seed=SUITE.teacher_seed,
        state=STATE,
        interpreter="python",
        model="",


# vLLM has an environment of its own: Snakemake's, or that of the interpreter VLLM_PYTHON.
use rule write_traces as write_traces_by_vllm with:
    log:
        f"{LOGS}/write_traces_by_vllm/{{task}}/{{teacher}}.log",
    benchmark:
        f"{BENCHMARKS}/write_traces_by_vllm/{{task}}/{{teacher}}.tsv"
    wildcard_constraints:
        teacher=one_of(BY_VLLM),
    conda:
        "../../envs/vllm.yaml"
    params:
        job=writer_job,
        fetched=lambda wildcards: fetched_option(writer_of(wildcards)),
        folder=subpath(input.info, parent=True),
        gpu=lambda wildcards, input: writer_of(wildcards).resources.gpu,
        seed=SUITE.teacher_seed,
        state=STATE,
        interpreter='"${{VLLM_PYTHON:-python}}"',
        model="",

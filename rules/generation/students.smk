# Students of text: those of one teacher first, which are the controls of every mixture, then mixtures.
# One rule body, one job per seed. Before the first mixture the study's claims are registered. Verdicts
# are waited for: what a verifier cannot read is refused before anything learns it.
include: "functions/students.smk"


rule train_singles:
    input:
        traces=traces_of(SINGLES),
        verdicts=traces_of(SINGLES, "verdicts"),
        splits=rules.make_prompts.output.splits,
        info=rules.make_prompts.output.info,
        model=lambda wildcards: model_inputs(text_student_of(wildcards)),
    output:
        fold_arms(f"{WRITER}/generations.parquet", SINGLES),
    log:
        f"{LOGS}/train_singles/{{student}}/{{task}}/seed{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/train_singles/{{student}}/{{task}}/seed{{seed}}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: lambda wildcards: text_student_of(wildcards).resources.threads
    resources:
        gpu=lambda wildcards: text_student_of(wildcards).resources.gpu,
        mem_mb=lambda wildcards, attempt: text_student_of(wildcards).resources.mem_mb
        * tries_of_memory(attempt),
        runtime=lambda wildcards, attempt: training_minutes(
            text_student_of(wildcards), wildcards.task, None, len(SINGLES)
        )
        * tries_of_time(attempt),
    params:
        job=lambda wildcards: writers_job(wildcards, SINGLES),
        fetched=lambda wildcards: fetched_option(text_student_of(wildcards)),
        folder=subpath(input.info, parent=True),
        gpu=lambda wildcards, input: text_student_of(wildcards).resources.gpu,
        together=lambda wildcards: text_student_of(wildcards).together,
        state=STATE,
    shell:
        'python "$SCRIPTS"/train_writers.py --job {params.job:q} --task {params.folder:q}'
        " --traces {input.traces:q} {params.fetched} --state {params.state:q}"
        " --threads {threads} --gpu {params.gpu} $ALLOW_CPU --together {params.together}"
        ' --save-minutes "$SAVE_MINUTES" --outputs {output:q} > {log:q} 2>&1'


use rule train_singles as train_mixtures with:
    input:
        traces=traces_of(MIXTURES),
        verdicts=traces_of(MIXTURES, "verdicts"),
        # Those whose next-token distributions are learnt.
        models=models_of(MIXTURES),
        splits=rules.make_prompts.output.splits,
        info=rules.make_prompts.output.info,
        model=lambda wildcards: model_inputs(text_student_of(wildcards)),
    output:
        fold_arms(f"{WRITER}/generations.parquet", MIXTURES),
    log:
        f"{LOGS}/train_mixtures/{{student}}/{{task}}/seed{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/train_mixtures/{{student}}/{{task}}/seed{{seed}}.tsv"
    resources:
        gpu=lambda wildcards: text_student_of(wildcards).resources.gpu,
        mem_mb=lambda wildcards, attempt: text_student_of(wildcards).resources.mem_mb
        * tries_of_memory(attempt),
        runtime=lambda wildcards, attempt: training_minutes(
            text_student_of(wildcards), wildcards.task, None, len(MIXTURES)
        )
        * tries_of_time(attempt),
    params:
        job=lambda wildcards: writers_job(wildcards, MIXTURES),
        fetched=lambda wildcards: fetched_option(text_student_of(wildcards)),
        folder=subpath(input.info, parent=True),
        gpu=lambda wildcards, input: text_student_of(wildcards).resources.gpu,
        together=lambda wildcards: text_student_of(wildcards).together,
        state=STATE,


# The sizes of a study are chosen on single teachers alone.
rule singles:
    input:
        expand(
            fold_arms(f"{WRITER}/scores.parquet", SINGLES),
            student=STUDY.students,
            task=STUDY.tasks,
            seed=STUDY.seeds,
        ),

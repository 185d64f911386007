# Before a night is spent: one training step of a small model wherever the profile sends jobs of the
# study's learners, that is on each partition (GPU model, constraint, ...); without one, here.
include: "functions/smoke.smk"


localrules:
    smoke,


rule smoke_step:
    output:
        f"results/{SUITE.suite}/smoke/{{stage}}.txt",
    log:
        f"{LOGS}/smoke/{{stage}}.log",
    wildcard_constraints:
        stage=one_of(PLACES),
    # What is wrong with a place is wrong there at the next try.
    retries: 0
    conda:
        "../envs/torch.yaml"
    resources:
        **{name: placed(name) for stage in PLACES for name in ["gpu", *place_of(stage)]},
        mem_mb=small_memory,
        runtime=lambda wildcards, attempt: 10 * tries_of_time(attempt),
    params:
        stages=lambda wildcards: PLACES[wildcards.stage],
        gpus=lambda wildcards: STAGES[wildcards.stage],
    shell:
        'python "$SCRIPTS"/smoke.py --threads {threads} --gpu {params.gpus} $ALLOW_CPU'
        " --stages {params.stages} --output {output:q} > {log:q} 2>&1"


# What each has found. Not kept: whoever asks again wants to know how it is then.
rule smoke:
    input:
        expand(rules.smoke_step.output, stage=PLACES),
    log:
        f"{LOGS}/smoke/smoke.log",
    conda:
        "../envs/analysis.yaml"
    shell:
        "cat {input:q} | tee {log:q} && rm {input:q}"

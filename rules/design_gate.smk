# The gate of a study's design: on rows of train that nothing else reads, is the undistilled student above
# the references, and does distillation gain what the margin can tell? Asked while sizes are chosen.
include: "functions/design_gate.smk"


localrules:
    design_gate,


rule design_gate:
    input:
        predictions=gate_cells,
        references=gate_references,
        tasks=expand(f"{TASK}/gate.parquet", task=GATED_TASKS),
    output:
        touch(f"{RESULTS}/design_gate.passed"),
    log:
        f"{LOGS}/design_gate/{SUITE.study_name}.log",
    conda:
        "../envs/analysis.yaml"
    params:
        job=lambda wildcards: claiming_job("design_gate.py", settings=(settings.gate_settings,)),
        tasks=lambda wildcards: f"{ROOT}/tasks",
        references=lambda wildcards: f"{ROOT}/references",
        record=f"{RESULTS}/gate.json",
    shell:
        "printf '%s\\n' {input.predictions:q} |"
        ' python "$SCRIPTS"/design_gate.py --job {params.job:q} --tasks {params.tasks:q}'
        " --references {params.references:q} --predictions - --record {params.record:q}"
        " 2>&1 | tee {log:q}"

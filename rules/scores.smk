# Scores: predictions against labels. Besides collect_examples, which scores by example, the only rules
# that read the report labels; all CPU.
#
# On a cluster they run where Snakemake runs: each takes seconds and little memory, which is less than a
# job costs there to be queued. One job for all of a task would be as few, but would have no score of any
# cell until the last is trained, and none at all after one that failed.
include: "functions/scores.smk"


localrules:
    score_students,
    score_undistilled,
    score_teachers,
    score_reference,
    score_constant,


rule score_students:
    input:
        predictions=rules.train_students.output.predictions,
        selection=rules.prepare_task.output.selection,
        report_labels=rules.prepare_task.output.report_labels,
        info=rules.prepare_task.output.info,
    output:
        fold(f"{CELL}/eval.json"),
    log:
        f"{LOGS}/score_students/{name_of(fold(CELL))}.log",
    benchmark:
        f"{BENCHMARKS}/score_students/{name_of(fold(CELL))}.tsv"
    # Training comes first: what takes longest must not be what is left at the end.
    priority: -1
    conda:
        "../envs/analysis.yaml"
    params:
        job=lambda wildcards: scoring_job("score.py", wildcards.task),
    shell:
        'python "$SCRIPTS"/score.py --job {params.job:q}'
        " --predictions {input.predictions:q} --selection {input.selection:q}"
        " --report-labels {input.report_labels:q} --outputs {output:q} > {log:q} 2>&1"


use rule score_students as score_undistilled with:
    input:
        predictions=rules.train_undistilled.output.predictions,
        selection=rules.prepare_task.output.selection,
        report_labels=rules.prepare_task.output.report_labels,
        info=rules.prepare_task.output.info,
    output:
        fold_undistilled(f"{UNDISTILLED}/eval.json"),
    log:
        f"{LOGS}/score_undistilled/{name_of(fold_undistilled(UNDISTILLED))}.log",
    benchmark:
        f"{BENCHMARKS}/score_undistilled/{name_of(fold_undistilled(UNDISTILLED))}.tsv"


use rule score_students as score_teachers with:
    input:
        predictions=fold_teachers(
            f"{TEACHER}/logits/selection.safetensors", f"{TEACHER}/logits/report.safetensors"
        ),
        selection=rules.prepare_task.output.selection,
        report_labels=rules.prepare_task.output.report_labels,
        info=rules.prepare_task.output.info,
    output:
        fold_teachers(f"{TEACHER}/eval.json"),
    log:
        f"{LOGS}/score_teachers/{name_of(fold_teachers(TEACHER))}.log",
    benchmark:
        f"{BENCHMARKS}/score_teachers/{name_of(fold_teachers(TEACHER))}.tsv"


use rule score_students as score_reference with:
    input:
        predictions=rules.fit_reference.output,
        selection=rules.prepare_task.output.selection,
        report_labels=rules.prepare_task.output.report_labels,
        info=rules.prepare_task.output.info,
    output:
        each_reference("eval.json"),
    log:
        f"{LOGS}/score_reference/{{task}}.log",
    benchmark:
        f"{BENCHMARKS}/score_reference/{{task}}.tsv"


# What any method has to beat: one answer to all examples, chosen on train.
rule score_constant:
    input:
        train=rules.prepare_task.output.train,
        selection=rules.prepare_task.output.selection,
        report_labels=rules.prepare_task.output.report_labels,
        info=rules.prepare_task.output.info,
    output:
        f"{CONSTANT}/eval.json",
    log:
        f"{LOGS}/score_constant/{{task}}.log",
    benchmark:
        f"{BENCHMARKS}/score_constant/{{task}}.tsv"
    priority: -1
    conda:
        "../envs/analysis.yaml"
    params:
        job=lambda wildcards: scoring_job("score_constant.py", wildcards.task),
    shell:
        'python "$SCRIPTS"/score_constant.py --job {params.job:q}'
        " --train {input.train:q} --selection {input.selection:q}"
        " --report-labels {input.report_labels:q} --output {output:q} > {log:q} 2>&1"

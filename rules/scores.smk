# Scores: predictions against labels. The only rules that read the report labels; all CPU.


rule score_students:
    input:
        predictions=rules.train_students.output.predictions,
        selection=rules.prepare_task.output.selection,
        report_labels=rules.prepare_task.output.report_labels,
        info=rules.prepare_task.output.info,
    output:
        fold(CELL + "/eval.json"),
    params:
        settings=lambda wildcards: canonical(settings.score_settings, wildcards.task),
        code=code_of("score.py"),
        metrics=lambda wildcards: metrics_code(task_of(wildcards).metrics),
    log:
        f"{LOGS}/score_students/{name_of(CELL)}.log",
    benchmark:
        f"{BENCHMARKS}/score_students/{name_of(CELL)}.tsv"
    conda:
        "../envs/analysis.yaml"
    shell:
        "python {SOURCE}/workflow/scripts/score.py --settings {params.settings:q}"
        " --predictions {input.predictions:q} --selection {input.selection:q}"
        " --report-labels {input.report_labels:q} --outputs {output:q} > {log:q} 2>&1"


use rule score_students as score_undistilled with:
    input:
        predictions=rules.train_undistilled.output.predictions,
        selection=rules.prepare_task.output.selection,
        report_labels=rules.prepare_task.output.report_labels,
        info=rules.prepare_task.output.info,
    output:
        fold(UNDISTILLED + "/eval.json", FOLDED_SEEDS),
    log:
        f"{LOGS}/score_undistilled/{name_of(UNDISTILLED, FOLDED_SEEDS)}.log",
    benchmark:
        f"{BENCHMARKS}/score_undistilled/{name_of(UNDISTILLED, FOLDED_SEEDS)}.tsv"


use rule score_students as score_teachers with:
    input:
        predictions=[rules.teacher_logits.output.selection, rules.teacher_logits.output.report],
        selection=rules.prepare_task.output.selection,
        report_labels=rules.prepare_task.output.report_labels,
        info=rules.prepare_task.output.info,
    output:
        TEACHER + "/eval.json",
    log:
        LOGS + "/score_teachers/{task}/{teacher}/seed{teacher_seed}.log",
    benchmark:
        BENCHMARKS + "/score_teachers/{task}/{teacher}/seed{teacher_seed}.tsv"


use rule score_students as score_reference with:
    input:
        predictions=rules.fit_reference.output,
        selection=rules.prepare_task.output.selection,
        report_labels=rules.prepare_task.output.report_labels,
        info=rules.prepare_task.output.info,
    output:
        REFERENCE + "/eval.json",
    log:
        LOGS + "/score_reference/{task}.log",
    benchmark:
        BENCHMARKS + "/score_reference/{task}.tsv"

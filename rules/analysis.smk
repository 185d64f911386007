# Analyses: from what is on disk to tables. CPU only, nothing is trained; changing one reruns it alone.


# A task's labels, teachers and chosen students in one file, from which the analyses start.
rule collect_examples:
    input:
        runs=rules.make_tables.output.runs,
        predictions=cells_of,
        logits=study_logits("train", "selection", "report"),
        gates=study_gates,
        train=rules.prepare_task.output.train,
        selection=rules.prepare_task.output.selection,
        report_labels=rules.prepare_task.output.report_labels,
        info=rules.prepare_task.output.info,
    output:
        f"{RESULTS}/examples/{{task}}.safetensors",
    log:
        f"{LOGS}/collect_examples/{SUITE.study_name}/{{task}}.log",
    benchmark:
        f"{BENCHMARKS}/collect_examples/{SUITE.study_name}/{{task}}.tsv"
    conda:
        "../envs/analysis.yaml"
    params:
        settings=lambda wildcards: canonical(settings.examples_settings, wildcards.task),
        code=lambda wildcards: code_of("collect_examples.py"),
        folder=subpath(input.info, parent=True),
    shell:
        "printf '%s\\n' {input.predictions:q} |"
        ' python "$SCRIPTS"/collect_examples.py --settings {params.settings:q}'
        " --task {params.folder:q} --runs {input.runs:q} --logits {input.logits:q}"
        " --gates {input.gates:q} --predictions - --output {output:q} > {log:q} 2>&1"

# The references of each task, which stand beside students and teachers in every table.


rule fit_reference:
    input:
        data=rules.prepare_task.output[:3],
        info=rules.prepare_task.output.info,
        vectors=vector_inputs(
            dict.fromkeys(path for one in SUITE.references.values() for path in one.vector_files)
        ),
    output:
        each_reference("predictions.safetensors"),
    log:
        f"{LOGS}/fit_reference/{{task}}.log",
    benchmark:
        f"{BENCHMARKS}/fit_reference/{{task}}.tsv"
    # Nothing but its own score waits for it.
    priority: -1
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 8000 * tries_of_memory(attempt),
        runtime=lambda wildcards, attempt: 30 * tries_of_time(attempt),
    params:
        job=lambda wildcards: job_text("fit_reference.py", settings=(settings.reference_settings,)),
        folder=subpath(input.info, parent=True),
    shell:
        'python "$SCRIPTS"/fit_reference.py --job {params.job:q}'
        " --task {params.folder:q} --outputs {output:q} > {log:q} 2>&1"

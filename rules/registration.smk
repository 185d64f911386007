# Before the first student: what the study will claim, by which margin, with which controls. A run that is
# to train students writes it down as it starts (hooks/start.smk); this target does it at any time. The
# output is a copy: Snakemake deletes what a rule declares before it runs, and no registration is deleted.
#
# Students do not wait for it as for an input. As one it would be ancient(): what a study claims must
# never train a student again. But of a job below one that is pending Snakemake asks nothing else, so that
# a student whose settings have changed would not be trained.
include: "functions/registration.smk"


localrules:
    register,


# Of all studies of the suite, and no job's output: lines are only ever added.
REGISTRATIONS = f"{ROOT}/registrations.jsonl"


rule register:
    output:
        f"{RESULTS}/registered.jsonl",
    log:
        f"{LOGS}/register/{SUITE.study_name}.log",
    conda:
        "../envs/analysis.yaml"
    params:
        job=lambda wildcards: registration_job(),
        students=lambda wildcards: STUDENTS,
        record=REGISTRATIONS,
    shell:
        'python "$SCRIPTS"/register.py --job {params.job:q} --students {params.students:q}'
        " --record {params.record:q} --output {output:q} > {log:q} 2>&1"

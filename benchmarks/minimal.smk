# As many jobs and files as a grown study's, in one-line rules: what Snakemake itself costs. See
# graph_scale.py.
CELL = "students/{task}/{arm}/T{T}_a{alpha}/seed{seed}"
TASKS = [f"task{number}" for number in range(4)]
ARMS = [f"arm{number}" for number in range(7)]
T, ALPHA, SEEDS = (range(config[name]) for name in ("temperatures", "alphas", "seeds"))


def fold(path):
    return expand(path, T=T, alpha=ALPHA, allow_missing=True) if config["bundled"] else path


rule all:
    input:
        expand(f"{CELL}/eval", task=TASKS, arm=ARMS, T=T, alpha=ALPHA, seed=SEEDS),


rule prepare_task:
    output:
        expand("tasks/{{task}}/{file}", file=["train", "selection", "report", "labels", "info"]),
    shell:
        "touch {output}"


rule teacher_logits:
    input:
        "tasks/{task}/train",
    output:
        "logits/{task}/{teacher}",
    shell:
        "touch {output}"


rule train_students:
    input:
        rules.prepare_task.output,
        expand("logits/{{task}}/{teacher}", teacher=["a", "b"]),
    output:
        fold(f"{CELL}/predictions"),
    shell:
        "touch {output}"


rule score_students:
    input:
        rules.train_students.output,
        rules.prepare_task.output[1],
        rules.prepare_task.output[3:],
    output:
        fold(f"{CELL}/eval"),
    shell:
        "touch {output}"

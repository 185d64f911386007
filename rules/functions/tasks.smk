# What jobs on tasks take, and what any small job asks for.


def named_tables(wildcards):
    return [f"{split}={path}" for split, path in tables_of(wildcards.task).items()]


def transfer_files(wildcards):
    """The files that a variant's transfer text comes from."""
    found = []
    for number, source in enumerate(transfer_sources(wildcards.task)):
        if source.task:
            found += expand(rules.prepare_task.output, task=origin_of(source.task))
        else:
            found.append(transfer_table(wildcards.task, number, source))
    return found


def transfer_paths(wildcards):
    """A table or a task's folder for each source, in the suite's order."""
    return [
        (
            TASK.format(task=origin_of(source.task))
            if source.task
            else transfer_table(wildcards.task, number, source)
        )
        for number, source in enumerate(transfer_sources(wildcards.task))
    ]


# What a job asks for that neither trains nor predicts: like every other's, times its tries.
def small_memory(wildcards, attempt):
    return 4000 * tries_of_memory(attempt)


def small_minutes(wildcards, attempt):
    return 30 * tries_of_time(attempt)


def each_reference(file):
    """A file of every reference of a task, in the order of a job's text: one job makes them all."""
    return expand(f"{REFERENCE}/{file}", reference=sorted(SUITE.references), allow_missing=True)

# What jobs on tasks take, and what any small job asks for.


def named_tables(wildcards):
    return [f"{split}={path}" for split, path in tables_of(wildcards.task).items()]


# What a job asks for that neither trains nor predicts: like every other's, times its tries.
def small_memory(wildcards, attempt):
    return 4000 * tries_of_memory(attempt)


def small_minutes(wildcards, attempt):
    return 30 * tries_of_time(attempt)


def each_reference(file):
    """A file of every reference of a task, in the order of a job's text: one job makes them all."""
    return expand(f"{REFERENCE}/{file}", reference=sorted(SUITE.references), allow_missing=True)

# What tables of scored runs are made by.
import shlex

from mtkd.analysis.catalogue import tables_by


def tables_job(student):
    return job_text("make_tables.py", settings=(settings.table_settings, student))


def partial_tables(student):
    """The command that tabulates what exists of a student."""
    evals, job = map(shlex.join, (student_evals(student), [tables_job(student)]))
    folder = shlex.quote(f"{TABLES}/partial".format(student=student))
    return (
        f"printf '%s\\n' {evals} | "
        f'python "$SCRIPTS"/make_tables.py --job {job} --evals - --partial --output {folder}'
    )

# What every stage needs: the suite and its chosen study, the environment of jobs, paths, wildcards, the
# cells that one job takes together, and the text of what determines its numbers.
import os
import re
import sys
from functools import cache
from pathlib import Path

SOURCE = Path(workflow.basedir)
sys.path.insert(0, str(SOURCE / "src"))

from mtkd.cluster.endings import tries_of_memory, tries_of_time
from mtkd.config.load import validate_suite
from mtkd.config.values import split_teacher
from mtkd.config.written import refuse_surprises
from mtkd.errors import InputError
from mtkd.metrics.names import metric_files
from mtkd.study import paths, settings, started
from mtkd.study.code import definition_digest, file_digest
from mtkd.study.facts import study_facts
from mtkd.study.remembered import remember
from mtkd.study.grid import (
    folded_arms,
    folded_axes,
    folded_undistilled,
    teacher_runs,
    teacher_seeds,
)

remember(SOURCE / "workflow" / "scripts")
DEFAULT_SUITE = "config/embedded.yaml"

try:
    for path in workflow.configfiles or [DEFAULT_SUITE]:
        refuse_surprises(path)
except InputError as error:
    sys.exit(f"error: {error}")

# A suite file is self-contained. Naming the default only when no other is given keeps Snakemake
# from merging the two.
if "suite" not in config:

    configfile: DEFAULT_SUITE


try:
    SUITE = validate_suite(config, ", ".join(map(str, workflow.configfiles)) or "--config")
    # Strategies whose operator is a user's function; looked for now, not when their first job runs.
    OWN_OPERATORS = settings.own_operators(SUITE)
    if not workflow.is_main_process:
        # A job of a cluster, whose graph has to be the one that its run was planned by.
        started.check_graph(SUITE)
except InputError as error:
    sys.exit(f"error: {error}")

STUDY = SUITE.chosen_study
# Those whose data are prepared: variants of a task share its, and may read other tasks' texts.
VARIANTS = [task for task in STUDY.tasks if SUITE.tasks[task].of]
READ_TASKS = [
    source.task for task in VARIANTS for source in SUITE.tasks[task].transfer if source.task
]
PREPARED_TASKS = list(
    dict.fromkeys(SUITE.tasks[task].of or task for task in [*STUDY.tasks, *READ_TASKS])
)
# The teachers of its arms, of whatever seed.
TRAINED_TEACHERS = list(dict.fromkeys(split_teacher(name)[0] for name in STUDY.teachers))
# What not every study has, which says what tables and figures there are.
FACTS = study_facts(SUITE)
# Jobs run the interpreter and the library of this checkout, whether or not its environment is
# activated; an environment that Snakemake deploys itself comes first on the path all the same.
os.environ.update(
    PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
    PYTHONPATH=str(SOURCE / "src"),
    SCRIPTS=str(SOURCE / "workflow" / "scripts"),
    PAGES=str(SOURCE / "report"),
    SAVE_MINUTES=str(SUITE.save_minutes),
    # What a job does that asked for a GPU and finds none usable: it stops, without this.
    ALLOW_CPU="--allow-cpu" if SUITE.allow_cpu else "",
    # Nothing but the fetching rules talks to the hub.
    HF_HUB_OFFLINE="1",
    TOKENIZERS_PARALLELISM="false",
)


def anchored(pattern):
    """A path pattern of the suite: its name filled in, its other wildcards left."""
    return pattern.replace("{suite}", SUITE.suite)


ROOT = anchored(paths.ROOT)
TASK = anchored(paths.TASK)
TRANSFER_LABELS = f"{TASK}/transfer_labels.parquet"
TEACHER = anchored(paths.TEACHER)
OUT_OF_FOLD = anchored(paths.OUT_OF_FOLD)
REFERENCE = anchored(paths.REFERENCE)
CONSTANT = anchored(paths.CONSTANT)
GATE = anchored(paths.GATE)
CELL = anchored(paths.CELL)
UNDISTILLED = anchored(paths.UNDISTILLED)
FETCHED = anchored(paths.FETCHED)
STATE = anchored(paths.STATE)
RESULTS = anchored(paths.STUDY).format(study=SUITE.study_name)
# Tables, figures and report are a student's: the only one's, or each of several has a folder.
ONE_STUDENT = len(STUDY.students) == 1
OWNER = SUITE.study_name if ONE_STUDENT else f"{SUITE.study_name}/students/{{student}}"
OWN = anchored(paths.STUDY).replace("{study}", OWNER)
TABLES = f"{OWN}/tables"
LOGS = f"logs/{SUITE.suite}"
BENCHMARKS = f"results/{SUITE.suite}/benchmarks"


def one_of(values):
    """A wildcard constraint: exactly these values."""
    return "|".join(re.escape(value) for value in values) or "(?!)"


wildcard_constraints:
    task=one_of(dict.fromkeys([*STUDY.tasks, *PREPARED_TASKS])),
    teacher=one_of(SUITE.teachers),
    teachers=r"(?!none/)[^/]+",
    strategy=r"[^/]+",
    student=one_of(STUDY.students),
    T=one_of(STUDY.T),
    alpha=one_of(STUDY.alpha),
    seed=one_of(STUDY.seeds),
    teacher_seed=one_of(
        dict.fromkeys(
            run.seed for run in teacher_runs(STUDY.teachers, teacher_seeds(SUITE, STUDY.seeds))
        )
    ),


# The axes and arms that one job trains together.
FOLDED = folded_axes(SUITE)
FOLDED_ARMS = folded_arms(SUITE)
FOLDED_UNDISTILLED = folded_undistilled(SUITE)


def fold(pattern):
    """Every path of a bundle: the folded axes' values filled in, the other wildcards left."""
    patterns = [
        pattern.replace("{teachers}", arm.label).replace("{strategy}", arm.strategy)
        for arm in FOLDED_ARMS
    ]
    return expand(patterns or [pattern], **FOLDED, allow_missing=True)


def fold_seeds(pattern):
    """Like ``fold``, for what has neither T nor alpha and belongs to one arm."""
    seeds = {name: values for name, values in FOLDED.items() if name == "seed"}
    return expand(pattern, **seeds, allow_missing=True)


def fold_undistilled(pattern):
    """Like ``fold``, for students without distillation."""
    patterns = [pattern.replace("{strategy}", arm.strategy) for arm in FOLDED_UNDISTILLED]
    return [path for one in patterns or [pattern] for path in fold_seeds(one)]


def of_tasks(pattern):
    """A pattern's paths for every task of the study, whichever student they are of."""
    return expand(pattern, task=STUDY.tasks, allow_missing=True)


def of_students(pattern):
    """A pattern's paths for every student of the study."""
    return expand(pattern, student=STUDY.students) if not ONE_STUDENT else expand(pattern)


def whose(wildcards):
    """The student that tables, figures or a page are of."""
    return STUDY.students[0] if ONE_STUDENT else wildcards.student


def name_of(bundle):
    """A bundle's name for its log and benchmark: the wildcards that are left in its paths."""
    return os.path.join(*(f"{{{name}}}" for name in re.findall(r"\{(\w+)\}", bundle[0])))


@cache
def job_text(script=None, **parts):
    """What a job's numbers depend on, as text: Snakemake compares it, scripts read it as --job.

    ``parts`` as ``mtkd.study.jobs`` has them; made once for all jobs that have the same.
    """
    return settings.job_text(SUITE, script and SOURCE / "workflow" / "scripts" / script, parts)


@cache
def metric_digest(name):
    return file_digest(*metric_files(name))


def metric_digests(suite, *names):
    """Digests of the metrics that a job computes, as a part of its text."""
    return {name: metric_digest(name) for name in names}

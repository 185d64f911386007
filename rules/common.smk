# The suite and the chosen study's axes, the paths built from them, and small named functions the rules
# share.
import os
import re
import shlex
import sys
from functools import cache
from pathlib import Path

SOURCE = Path(workflow.basedir)
sys.path.insert(0, str(SOURCE / "src"))

from mtkd.cluster.endings import tries_of_memory, tries_of_time
from mtkd.cluster.requests import state_megabytes
from mtkd.config.load import validate_suite
from mtkd.config import schema
from mtkd.config.schema import greatest_requests
from mtkd.config.written import refuse_surprises
from mtkd.errors import InputError
from mtkd.metrics.names import metric_files
from mtkd.records.files import digest_folder, read_json
from mtkd.study import paths, settings, started
from mtkd.study.arms import is_distilled, is_gated
from mtkd.study.code import code_digests, file_digest
from mtkd.study.recipes import recipes
from mtkd.study.grid import cells, folded_arms, folded_axes, tasks_with_teachers, teacher_seeds
from mtkd.study.requests import expected_logits, logits_minutes, training_minutes

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
# What its jobs ask for and where its model comes from is read once: a function of wildcards is called
# for every job.
STUDENT = SUITE.students[STUDY.student]
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


TASK = anchored(paths.TASK)
TEACHER = anchored(paths.TEACHER)
REFERENCE = anchored(paths.REFERENCE)
CONSTANT = anchored(paths.CONSTANT)
GATE = anchored(paths.GATE)
CELL = anchored(paths.CELL)
UNDISTILLED = anchored(paths.UNDISTILLED)
FETCHED = anchored(paths.FETCHED)
STATE = anchored(paths.STATE)
OPERATORS = f"results/{SUITE.suite}/operators"
RESULTS = anchored(paths.STUDY).format(study=SUITE.study_name)
TABLES = f"{RESULTS}/tables"
FIGURES = f"{RESULTS}/figures"
LOGS = f"logs/{SUITE.suite}"
BENCHMARKS = f"results/{SUITE.suite}/benchmarks"

# The axes and arms that one job trains together.
FOLDED = folded_axes(SUITE)
FOLDED_ARMS = folded_arms(SUITE)


def one_of(values):
    """A wildcard constraint: exactly these values."""
    return "|".join(re.escape(value) for value in values) or "(?!)"


wildcard_constraints:
    task=one_of(STUDY.tasks),
    teacher=one_of(SUITE.teachers),
    teachers=r"(?!none/)[^/]+",
    strategy=r"[^/]+",
    student=one_of([STUDY.student]),
    T=one_of(STUDY.T),
    alpha=one_of(STUDY.alpha),
    seed=one_of(STUDY.seeds),
    teacher_seed=one_of(teacher_seeds(SUITE, STUDY.seeds)),


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


# The teachers whose logits are cached, and scored, in one job.
FOLDED_TEACHERS = list(dict.fromkeys(name for arm in FOLDED_ARMS for name in arm.teachers))


def fold_teachers(*patterns):
    """Every teacher's paths of a task, where one job serves all arms; else the patterns."""
    return [
        pattern.replace("{teacher}", teacher)
        for teacher in FOLDED_TEACHERS or ["{teacher}"]
        for pattern in patterns
    ]


def name_of(bundle):
    """A bundle's name for its log and benchmark: the wildcards that are left in its paths."""
    return os.path.join(*(f"{{{name}}}" for name in re.findall(r"\{(\w+)\}", bundle[0])))


def task_of(wildcards):
    return SUITE.tasks[wildcards.task]


@cache
def canonical(build, *arguments):
    """Settings as the canonical text that Snakemake compares and the script reads."""
    return settings.canonical_json(build(SUITE, *arguments))


@cache
def code_of(script, all_parts=True):
    """Digests of the code behind a script, as canonical text.

    Without all parts for scripts whose recipes hold the digests of those that they use.
    """
    return settings.canonical_json(
        code_digests(SOURCE / "workflow" / "scripts" / script, all_parts)
    )


@cache
def metrics_code(*names):
    """Digests of the metrics that a job computes, as canonical text."""
    return settings.canonical_json({name: file_digest(*metric_files(name)) for name in names})


def primary_metrics_code():
    """Digests of the study's primary metrics, whose contributions its claims are made of."""
    return metrics_code(*dict.fromkeys(SUITE.tasks[task].metrics[0] for task in STUDY.tasks))


def record_name(model):
    """The file name of a hub model's record: two commits of one model are two."""
    return f"{paths.file_name(model.hub)}@{model.revision[:12] or 'newest'}"


def model_inputs(learner):
    """Files that a learner's model comes from: a download's record, a folder's, word vectors."""
    model = learner.model
    if model.hub:
        return [f"{FETCHED}/models/{record_name(model)}.json"]
    if model.folder:
        files = sorted(str(path) for path in Path(model.folder).glob("*") if path.is_file())
        return files or [f"{model.folder}/config.json"]
    if model.vectors:
        return [model.vectors, str(Path(model.vectors).with_name("vocabulary.txt"))]
    return []


def fetched_option(learner):
    """The option that hands a download's record to a script, where there is one."""
    return f"--fetched {shlex.quote(model_inputs(learner)[0])}" if learner.model.hub else ""


def state_megabytes_of(learner):
    """How large the saved state of a learner's training gets; 0 where its weights are not here yet.

    Encoders that are trained from scratch count as small.
    """
    if learner.model.hub:
        record = Path(model_inputs(learner)[0])
        folder = read_json(record)["folder"] if record.exists() else None
    else:
        folder = learner.model.folder
    return folder_megabytes(folder) if folder else 0


@cache
def folder_megabytes(folder):
    return state_megabytes(Path(folder).glob("*.safetensors"))


def seeds_of(wildcards):
    """The student seeds behind a target: the bundle's, or the one in its path."""
    return tuple(FOLDED["seed"]) if "seed" in FOLDED else (wildcards.seed,)


# Functions of wildcards although they need none: listing thousands of paths is left to the runs that
# want them, and every job of a cluster reads these files again.
def all_cells(wildcards):
    """The scored record of every cell of the study."""
    return [f"{CELL.format(**cell._asdict())}/eval.json" for cell in cells(STUDY)]


def teacher_eval(task, teacher):
    """The scored records of a teacher: one per teacher seed."""
    return expand(
        f"{TEACHER}/eval.json",
        task=task,
        teacher=teacher,
        teacher_seed=teacher_seeds(SUITE, STUDY.seeds),
    )


def tables_of(task):
    """The raw table of each split, by its name: a fetched one, or the user's own file."""
    splits = SUITE.tasks[task].splits
    if SUITE.tasks[task].hub:
        return {split: f"{FETCHED}/datasets/{task}/{split}.parquet" for split in splits}
    return splits


def task_tables(wildcards):
    return list(tables_of(wildcards.task).values())


def named_tables(wildcards):
    return [f"{split}={path}" for split, path in tables_of(wildcards.task).items()]


def named_tasks(wildcards):
    """What each task's task.json is called, by the task's name."""
    return [f"{task}={TASK.format(task=task)}/task.json" for task in STUDY.tasks]


def teacher_of(wildcards):
    return SUITE.teachers[wildcards.teacher]


@cache
def recorded(kind):
    """Mean seconds of finished jobs of a kind, for students of one cell; None without a record."""
    from mtkd.study.plan import recorded_seconds

    return recorded_seconds(kind, Path(BENCHMARKS), Path(LOGS))


def logits_requests(wildcards):
    """What a job on logits asks for: the most that any of its teachers does, and their minutes."""
    teachers = [SUITE.teachers[name] for name in FOLDED_TEACHERS or [wildcards.teacher]]
    kind = wildcards.teacher_seed if FOLDED_TEACHERS else wildcards.teacher
    known = recorded(f"teacher_logits/{wildcards.task}/{kind}")
    minutes = logits_minutes(teachers, wildcards.task, known)
    return greatest_requests([teacher.resources for teacher in teachers], minutes)


def teacher_minutes(wildcards):
    """Minutes that a teacher's training asks for."""
    known = recorded(f"train_teacher/{wildcards.task}/{wildcards.teacher}")
    return training_minutes(teacher_of(wildcards), wildcards.task, known)


# What a job asks for that neither trains nor predicts: like every other's, times its tries.
def small_memory(wildcards, attempt):
    return 4000 * tries_of_memory(attempt)


def small_minutes(wildcards, attempt):
    return 30 * tries_of_time(attempt)


def minutes_of(wildcards, cells):
    """Minutes that a bundle asks for: its cells are trained one after another."""
    learner = f"{wildcards.student}/{wildcards.task}"
    known = recorded(f"train_students/{learner}") or recorded(f"train_undistilled/{learner}")
    return training_minutes(STUDENT, wildcards.task, known, cells)


def arms_of(wildcards):
    """The arms behind a bundle: all of them, or the one in its path, which the study must have."""
    if FOLDED_ARMS:
        return FOLDED_ARMS
    asked = (wildcards.teachers, wildcards.strategy)
    arms = [arm for arm in STUDY.arms if (arm.label, arm.strategy) == asked]
    if not arms:
        known = ", ".join(sorted(f"{arm.label}/{arm.strategy}" for arm in STUDY.arms))
        raise WorkflowError(
            f"{'/'.join(asked)} is no arm of study {SUITE.study_name!r}; its arms are {known}"
        )
    return arms


@cache
def pools_text(*strategies):
    """The definitions of those strategies that are pooling operators, as canonical text."""
    return settings.canonical_json(settings.pool_settings(SUITE, strategies))


@cache
def recipes_text(*strategies):
    """The recipes of some strategies, as canonical text."""
    return settings.canonical_json(recipes(SUITE, strategies))


def recipes_of(wildcards):
    """Those of a bundle's arms."""
    return recipes_text(*dict.fromkeys(arm.strategy for arm in arms_of(wildcards)))


# Kept: jobs that differ in T and alpha alone have the same teachers.
@cache
def logits_of(task, teachers, seeds, split):
    """Logits of some teachers on a split, for every teacher seed behind the students."""
    return expand(
        f"{TEACHER}/logits/{{split}}.safetensors",
        task=task,
        teacher=teachers,
        teacher_seed=teacher_seeds(SUITE, seeds),
        split=split,
    )


def selection_logits(wildcards):
    teachers = tuple(wildcards.teachers.split("+"))
    return logits_of(wildcards.task, teachers, seeds_of(wildcards), "selection")


def train_logits(wildcards):
    teachers = dict.fromkeys(name for arm in arms_of(wildcards) for name in arm.teachers)
    return logits_of(wildcards.task, tuple(teachers), seeds_of(wildcards), "train")


def gates(wildcards):
    """The gates' weights, for the arms that have a gate."""
    return expand(
        f"{GATE}/weights.safetensors",
        student=wildcards.student,
        task=wildcards.task,
        teachers=[arm.label for arm in arms_of(wildcards) if is_gated(SUITE, arm)],
        seed=seeds_of(wildcards),
    )


def study_evals(wildcards):
    """The scored records of the study: cells, teachers, references and constant answers."""
    teachers = [teacher_eval(task, teacher) for task, teacher in tasks_with_teachers(STUDY)]
    references = expand([f"{REFERENCE}/eval.json", f"{CONSTANT}/eval.json"], task=STUDY.tasks)
    return [*all_cells(wildcards), *sum(teachers, []), *references]


def cells_of(wildcards):
    """The predictions of every cell of the study on one task."""
    return [
        f"{CELL.format(**cell._asdict())}/predictions.safetensors"
        for cell in cells(STUDY)
        if cell.task == wildcards.task
    ]


def study_teachers():
    """The study's teachers, each once."""
    return list(dict.fromkeys(teacher for _, teacher in tasks_with_teachers(STUDY)))


def study_logits(*splits):
    """Every teacher's logits on some splits of a task."""
    return expand(
        f"{TEACHER}/logits/{{split}}.safetensors",
        teacher=study_teachers(),
        teacher_seed=teacher_seeds(SUITE, STUDY.seeds),
        split=splits,
        allow_missing=True,
    )


def audit_tables(*names):
    """The audit's tables of every task; none of a study without teachers."""
    tasks = STUDY.tasks if study_teachers() else []
    return expand(f"{RESULTS}/audit/{{task}}/{{table}}.csv", task=tasks, table=names)


def study_gates(wildcards):
    """The gates' weights of a task, for the arms that have a gate."""
    return expand(
        f"{GATE}/weights.safetensors",
        student=STUDY.student,
        task=wildcards.task,
        teachers=[arm.label for arm in STUDY.arms if is_gated(SUITE, arm)],
        seed=STUDY.seeds,
    )


def study_tables():
    return [f"{TABLES}/{name}" for name in ("runs.csv", "master.csv", "failed.csv")]


def has_grid():
    distilled = any(is_distilled(arm.strategy) for arm in STUDY.arms)
    return distilled and len(STUDY.T) * len(STUDY.alpha) > 1


def has_raters():
    return any(SUITE.tasks[task].human for task in STUDY.tasks)


# What a study has besides, whose arms are pooling operators: the framework's claims.
FRAMEWORK_TABLES = ["framework", "attenuation_students", "diversity_gain"]


def has_pools():
    return bool(settings.pool_settings(SUITE, STUDY.strategies))


# The tables that each figure is drawn from.
FIGURE_TABLES = {
    "master_comparison": ["runs"],
    "teacher_student_gap": ["gap"],
    "claims": ["claims"],
    "multi_teacher_advantage": ["claims"],
    "agreement_regions": ["agreement"],
    "failure_categories": ["failures"],
    "teacher_confidence": ["confidence"],
    "fidelity": ["fidelity"],
    "human_soft_labels": ["human", "quality"],
    "reliability": ["reliability", "quality"],
    "ceilings": ["quality"],
    "ranking": ["ranking"],
    "performance_profiles": ["profiles"],
    "attenuation_students": ["attenuation_students"],
}


def figure_tables(wildcards):
    return expand(f"{TABLES}/{{table}}.csv", table=FIGURE_TABLES[wildcards.figure])


# The same of the framework's experiments, by task.
FUSION_TABLES = {
    "variance": ["variance", "scaling"],
    "objectives": ["objectives"],
    "attenuation": ["attenuation"],
}


def fusion_tables(wildcards):
    return expand(
        f"{RESULTS}/fusion/{{task}}/{{table}}.csv",
        task=wildcards.task,
        table=FUSION_TABLES[wildcards.figure],
    )


def study_figures():
    names = [name for name in FIGURE_TABLES if name != "human_soft_labels" or has_raters()]
    if not has_pools():
        names.remove("attenuation_students")
    if not study_teachers():
        # A study of the undistilled student alone has nothing to analyse.
        names = [name for name in names if FIGURE_TABLES[name] == ["runs"]]
    names += [f"t_alpha_heatmap/{task}" for task in STUDY.tasks] if has_grid() else []
    return expand(f"{FIGURES}/{{name}}.{{kind}}", name=names, kind=["png", "pdf"])


def report_tables():
    names = [
        "master",
        "skill",
        "failed",
        "claims",
        "gap",
        "grid",
        "over_tasks",
        "profiles",
        "ranking",
    ]
    names += ["audit_scored", "flags", "quality", "reliability", "agreement", "failures"]
    names += ["confidence", "fidelity", "human", "human_prediction", "checks"]
    names += FRAMEWORK_TABLES if has_pools() else []
    return expand(f"{TABLES}/{{table}}.csv", table=names)


def framework_figures():
    """Certificates and experiments, for the report of a study whose arms are pooling operators."""
    if not has_pools():
        return []
    certificates = ["results/operators", *([OPERATORS] if OWN_OPERATORS else [])]
    experiments = expand(
        f"{RESULTS}/fusion/{{task}}/{{figure}}.png", task=STUDY.tasks, figure=FUSION_TABLES
    )
    return [f"{folder}/certificates.png" for folder in certificates] + experiments


@cache
def page_text():
    """A digest of the pages' templates."""
    return digest_folder(SOURCE / "report")


def unpinned_refusal():
    """Why a suite with an empty revision must not run, in one line; None when it may."""
    if SUITE.unpinned() and not SUITE.allow_unpinned:
        return (
            f"{', '.join(map(str, workflow.configfiles))}: no commit is given at "
            f"{', '.join(SUITE.unpinned())}; fill it in, or accept whatever the hub serves today "
            "with --config allow_unpinned=true"
        )
    return None

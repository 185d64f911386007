# The chosen study's axes, the paths built from them, and small named functions the rules share.
import json
import os
import sys
from pathlib import Path

SOURCE = Path(workflow.basedir)
sys.path.insert(0, str(SOURCE / "src"))

from mtkd.config.load import validate_suite
from mtkd.errors import InputError
from mtkd.metrics.names import metric_module
from mtkd.study import paths, settings
from mtkd.study.code import code_digests, module_digests
from mtkd.study.grid import (
    cells,
    folded_axes,
    needs_undistilled,
    tasks_with_teachers,
    teacher_seeds,
)

try:
    SUITE = validate_suite(config, " + ".join(map(str, workflow.configfiles)) or "--config")
except InputError as error:
    sys.exit(f"error: {error}")

STUDY = SUITE.chosen_study
# Jobs run the interpreter and the library of this checkout, whether or not its environment is
# activated; an environment that Snakemake deploys itself comes first on the path all the same.
os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
os.environ["PYTHONPATH"] = f"{SOURCE / 'src'}:{os.environ.get('PYTHONPATH', '')}".rstrip(":")
# Nothing but the fetching rules talks to the hub.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def anchored(pattern):
    """A path pattern of the suite: its name filled in, its other wildcards left."""
    return pattern.replace("{suite}", SUITE.suite)


TASK = anchored(paths.TASK)
TEACHER = anchored(paths.TEACHER)
REFERENCE = anchored(paths.REFERENCE)
GATE = anchored(paths.GATE)
CELL = anchored(paths.CELL)
UNDISTILLED = anchored(paths.UNDISTILLED)
FETCHED = anchored(paths.FETCHED)
STATE = anchored(paths.STATE)
TABLES = anchored(paths.STUDY).format(study=SUITE.study_name) + "/tables"
FIGURES = anchored(paths.STUDY).format(study=SUITE.study_name) + "/figures"
LOGS = f"logs/{SUITE.suite}"
BENCHMARKS = f"results/{SUITE.suite}/benchmarks"

# The axes that one job trains together. The undistilled arm has no T and alpha to fold.
FOLDED = folded_axes(SUITE)
FOLDED_SEEDS = {name: values for name, values in FOLDED.items() if name == "seed"}


def one_of(values):
    """A wildcard constraint: exactly these values."""
    return "|".join(re.escape(value) for value in values) or "(?!)"


wildcard_constraints:
    task=one_of(STUDY.tasks),
    teacher=one_of(SUITE.teachers),
    teachers=r"[^/]+",
    strategy=r"[^/]+",
    student=one_of([STUDY.student]),
    T=one_of(STUDY.T),
    alpha=one_of(STUDY.alpha),
    seed=one_of(STUDY.seeds),
    teacher_seed=one_of(teacher_seeds(SUITE, STUDY.seeds)),


def fold(pattern, axes=FOLDED):
    """Every path of a bundle: the folded axes' values filled in, the other wildcards left."""
    return expand(pattern, **axes, allow_missing=True)


def name_of(pattern, axes=FOLDED):
    """A bundle's name for its log and benchmark: the wildcards that are left."""
    left = re.findall(r"\{(\w+)\}", fold(pattern, axes)[0])
    return "/".join("{" + name + "}" for name in left)


def task_of(wildcards):
    return SUITE.tasks[wildcards.task]


def canonical(build, *arguments):
    """Settings as the canonical text that Snakemake compares and the script reads."""
    return settings.canonical_json(build(SUITE, *arguments))


def code_of(script):
    """Digests of the code behind a script, as canonical text."""
    return settings.canonical_json(code_digests(SOURCE / "workflow" / "scripts" / script))


def metrics_code(names):
    """Digests of the metrics that a job computes, as canonical text."""
    return settings.canonical_json(module_digests([metric_module(name) for name in names]))


def model_inputs(learner):
    """Files that a learner's model comes from: a download's record, a folder's, word vectors."""
    model = learner.model
    if model.hub:
        return [f"{FETCHED}/models/{model.hub.replace('/', '--')}.json"]
    if model.folder:
        return [f"{model.folder}/config.json"]
    if model.vectors:
        return [model.vectors, str(Path(model.vectors).with_name("vocabulary.txt"))]
    return []


def fetched_option(learner):
    """The option that hands a download's record to a script, where there is one."""
    return f"--fetched {model_inputs(learner)[0]}" if learner.model.hub else ""


def seeds_of(wildcards):
    """The student seeds behind a target: the bundle's, or the one in its path."""
    return FOLDED["seed"] if "seed" in FOLDED else [wildcards.seed]


def all_cells(file):
    """One file of every cell of the study."""
    return [f"{CELL.format(**cell._asdict())}/{file}" for cell in cells(STUDY)]


def teacher_eval(task, teacher):
    """The scored records of a teacher: one per teacher seed."""
    return expand(
        TEACHER + "/eval.json",
        task=task,
        teacher=teacher,
        teacher_seed=teacher_seeds(SUITE, STUDY.seeds),
    )

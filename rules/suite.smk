# The suite that a run is of, the environment of its jobs, and the text of what determines a job's numbers:
# what every stage needs, of classification, of generation and of specialists.
import os
import re
import sys
from functools import cache
from pathlib import Path

SOURCE = Path(workflow.basedir)
sys.path.insert(0, str(SOURCE / "src"))

from mtkd.cluster.endings import tries_of_memory, tries_of_time
from mtkd.config.load import is_generation, is_specialists, validate_suite
from mtkd.config.written import refuse_surprises
from mtkd.errors import InputError
from mtkd.records.files import digest_folder
from mtkd.study import paths, settings, started
from mtkd.study.remembered import remember

remember(SOURCE / "workflow" / "scripts")
DEFAULT_SUITE = "config/embedded.yaml"

try:
    for path in workflow.configfiles or [DEFAULT_SUITE]:
        refuse_surprises(path)
except InputError as error:
    sys.exit(f"error: {error}")

# A suite file is self-contained. Naming the default only when no other is given keeps Snakemake
# from merging the two, also where that one lacks its name.
if not workflow.configfiles:

    configfile: DEFAULT_SUITE


try:
    SUITE = validate_suite(config, ", ".join(map(str, workflow.configfiles)) or "--config")
    # Whose operator is a user's function; looked for now, not when their first job runs.
    OWN_OPERATORS = settings.own_operators(SUITE)
    if not workflow.is_main_process:
        # A job of a cluster, whose graph has to be the one that its run was planned by.
        started.check_graph(SUITE)
except InputError as error:
    sys.exit(f"error: {error}")

STUDY = SUITE.chosen_study
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
FETCHED = anchored(paths.FETCHED)
STATE = anchored(paths.STATE)
RESULTS = anchored(paths.STUDY).format(study=SUITE.study_name)
LOGS = f"logs/{SUITE.suite}"
BENCHMARKS = f"results/{SUITE.suite}/benchmarks"


def page_digest(suite):
    """A digest of the pages' templates, whatever the suite."""
    return digest_folder(SOURCE / "report")


def one_of(values):
    """A wildcard constraint: exactly these values."""
    return "|".join(re.escape(value) for value in values) or "(?!)"


def name_of(bundle):
    """A bundle's name for its log and benchmark: the wildcards that are left in its paths."""
    return os.path.join(*(f"{{{name}}}" for name in re.findall(r"\{(\w+)\}", bundle[0])))


@cache
def job_text(script=None, **parts):
    """What a job's numbers depend on, as text: Snakemake compares it, scripts read it as --job.

    ``parts`` as ``mtkd.study.jobs`` has them; made once for all jobs that have the same.
    """
    return settings.job_text(SUITE, script and SOURCE / "workflow" / "scripts" / script, parts)

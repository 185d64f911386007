"""Snakemake's job graph of one target, built in this process: read, never run, nothing printed.

Read for this: snakemake 9.27 (``Workflow``, ``DAG``). The folder is not locked, so that a run at
work in it is no hindrance and is not hindered.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mtkd.errors import InputError
from mtkd.study.code import PACKAGE_ROOT


@contextmanager
def job_graph(target: str, suite: Path | None, config: Sequence[str]) -> Iterator[Any]:
    """The graph (``snakemake.dag.DAG``) that makes ``target``, from the Snakefile here.

    ``suite`` and ``config`` are what follows Snakemake's ``--configfile`` and ``--config``. Raises
    InputError where Snakemake would build no graph, with its words in one line.
    """
    from snakemake.api import SnakemakeApi
    from snakemake.cli import parse_config
    from snakemake.settings.enums import Quietness, RerunTrigger
    from snakemake.settings.types import (
        ConfigSettings,
        DAGSettings,
        OutputSettings,
        ResourceSettings,
    )

    if not Path("Snakefile").is_file():
        raise InputError(f"{Path.cwd()}: no Snakefile here; go to the project's folder")
    if Path("src/mtkd").resolve() != PACKAGE_ROOT:
        # It is this package that digests of code are made of.
        raise InputError(
            f"{Path.cwd()}: this command is of another checkout ({PACKAGE_ROOT}), whose code would "
            "be compared; run `PYTHONPATH=src python -m mtkd why ...` here"
        )
    quiet = OutputSettings(quiet={Quietness.ALL}, enable_file_logging=False)
    # Warnings, too: all that is said here is the answer, or the one line of an error.
    logging.disable(logging.CRITICAL)
    try:
        with SnakemakeApi(quiet) as api:
            with _one_line(target, suite):
                configfiles = [suite] if suite else []
                project = api.workflow(
                    ResourceSettings(cores=1),
                    ConfigSettings(config=parse_config(config), configfiles=configfiles),
                    snakefile=Path("Snakefile"),
                )
                wanted = DAGSettings(
                    targets={target},
                    # An output whose job was broken off is made again, as by the shipped profiles.
                    force_incomplete=True,
                    # Which software a run deploys, if any, its own command line says.
                    rerun_triggers=RerunTrigger.all() - {RerunTrigger.SOFTWARE_ENV},
                )
                workflow = project.dag(wanted).workflow_api._workflow
                workflow._prepare_dag(
                    forceall=False, ignore_incomplete=False, lock_warn_only=False, nolock=True
                )
                workflow._build_dag()
            yield workflow.dag
    finally:
        logging.disable(logging.NOTSET)


@contextmanager
def _one_line(target: str, suite: Path | None) -> Iterator[None]:
    """Raise InputError for whatever Snakemake, or the project's own graph, has to say."""
    from snakemake.exceptions import MissingRuleException

    try:
        yield
    except MissingRuleException:
        more = "; it is a folder: name a file in it" if Path(target).is_dir() else ""
        more += "" if suite else "; it was looked for in the default suite, not one of --configfile"
        raise InputError(f"{target}: no job of the chosen study makes this{more}") from None
    except Exception as error:
        raise InputError(f"{target}: {' '.join(str(error).split())}") from None

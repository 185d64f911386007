"""A study's cells in a tracker, written from their records after they have run.

Only this file imports MLflow, which is an extra. What is there already stays as it is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mtkd.commands.differences import leaves
from mtkd.errors import InputError
from mtkd.records.files import digest_text
from mtkd.records.runs import read_eval
from mtkd.study.arms import is_distilled
from mtkd.study.paths import CELL, parse_cell
from mtkd.study.settings import canonical_json

# Tags by which a run is known, and in which state of its records it was written.
DIGEST, RECORD = "mtkd.digest", "mtkd.record"
# Parts of a record that were resolved from the suite.
PARAMETERS = ("training", "recipe", "labels", "metric")
# Rows of history.jsonl: what they are of, not what was measured.
AXIS = "step"


class Exported(NamedTuple):
    """What became of a study's cells: written, there before, and those without a score."""

    written: int
    kept: int
    missing: list[str]


def export(folder: Path, study: str, store: Path) -> Exported:
    """Write each scored cell of a study as a run of MLflow, in a file store.

    The experiment is ``{suite}/{study}``. A run's tag ``mtkd.digest`` is its cell's digest, by
    which a repeated export finds it; one whose records have changed since is written anew.

    Raises InputError where there is no such study, or MLflow is not installed.
    """
    cells = study_cells(folder, study)
    client = _client(store)
    experiment = _experiment(client, f"{Path(folder).name}/{study}")
    known = _known(client, experiment)
    written, missing = 0, []
    for cell in cells:
        if not (cell / "eval.json").is_file():
            missing.append(str(cell))
            continue
        record = read_eval(cell / "eval.json")
        state = digest_text(canonical_json(record))
        run = known.get(record["digests"]["cell"])
        if run and run.data.tags.get(RECORD) == state and run.info.status != "RUNNING":
            continue
        if run:
            client.delete_run(run.info.run_id)
        _write(client, experiment, cell, record, state)
        written += 1
    return Exported(written, len(cells) - written - len(missing), missing)


def study_cells(folder: Path, study: str) -> list[Path]:
    """Folders of a study's cells, diverged ones included, as its tables name them."""
    tables = sorted((Path(folder) / "studies" / study).glob("**/tables/runs.csv"))
    if not tables:
        found = sorted(path.name for path in (Path(folder) / "studies").glob("*"))
        known = f"its studies: {', '.join(found)}" if found else "it has no studies"
        raise InputError(f"{folder}: no finished study {study!r} there (tables/runs.csv); {known}")
    # Here: the other commands do without it.
    from mtkd.analysis.tables import read_table

    rows = [
        row._asdict()
        for runs in tables
        for path in (runs, runs.with_name("failed.csv"))
        for row in read_table(path).query("kind == 'student'").itertuples()
    ]
    names = [CELL.format(**row).removeprefix(f"results/{row['suite']}/") for row in rows]
    return [Path(folder) / name for name in dict.fromkeys(names)]


def parameters(record: Mapping[str, Any]) -> dict[str, str]:
    """The resolved recipe and training of a cell, a name and a text each."""
    parts = {name: record[name] for name in PARAMETERS if name in record}
    return {name: str(value) for name, value in leaves(parts).items()}


def tags(cell: Path, record: Mapping[str, Any], state: str) -> dict[str, str]:
    """Axes of a cell, the arm that it is of, and digests."""
    axes = parse_cell(str(cell / "eval.json"))
    arm = axes["strategy"]
    if is_distilled(axes["teachers"]):
        arm += f" of {axes['teachers']}"
    own = {name: value for name, value in axes.items() if name != "suite"}
    return {**own, "group": arm, DIGEST: record["digests"]["cell"], RECORD: state}


def curves(history: Path) -> Iterator[tuple[str, float, int]]:
    """Name, value and step of everything that a training wrote down of its epochs."""
    lines = history.read_text(encoding="utf-8").splitlines() if history.is_file() else []
    for row in map(json.loads, lines):
        for name, value in row.items():
            if name != AXIS and isinstance(value, int | float):
                yield f"training/{name}", float(value), int(row[AXIS])


def _write(client: Any, experiment: str, cell: Path, record: Mapping[str, Any], state: str) -> None:
    from mlflow.entities import Metric, Param, RunTag

    # When its records were written, and how long before that it began.
    end = int(1000 * (cell / "run.json").stat().st_mtime)
    start = end - int(1000 * (record["seconds"] or 0))
    own = tags(cell, record, state)
    name = " ".join((own["task"], own["student"], own["group"], f"seed {own['seed']}"))
    run = client.create_run(experiment, start_time=start, run_name=name).info.run_id
    scores = [
        (f"{split}/{metric}", value, 0)
        for split, values in (record["scores"] or {}).items()
        for metric, value in values.items()
    ]
    metrics = [
        Metric(name, value, end, step)
        for name, value, step in [*scores, *curves(cell / "history.jsonl")]
    ]
    client.log_batch(
        run,
        metrics,
        [Param(name, value) for name, value in parameters(record).items()],
        [RunTag(name, value) for name, value in own.items()],
    )
    # Last: a run without an end was broken off, and is written anew.
    client.set_terminated(run, "FINISHED" if record["status"] == "finished" else "FAILED", end)


def _client(store: Path) -> Any:
    # It would tell its makers what it is used for; and stores of files it has only when asked.
    os.environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_ALLOW_FILE_STORE": "true"}
    try:
        from mlflow import MlflowClient
    except ImportError as error:
        raise InputError("'--to mlflow' needs MLflow: pip install 'mtkd[mlflow]'") from error
    return MlflowClient(Path(store).absolute().as_uri())


def _experiment(client: Any, name: str) -> str:
    found = client.get_experiment_by_name(name)
    return found.experiment_id if found else client.create_experiment(name)


def _known(client: Any, experiment: str) -> dict[str, Any]:
    """Runs of an experiment by the digest of their cells."""
    found, token = {}, None
    while True:
        page = client.search_runs([experiment], page_token=token)
        found |= {run.data.tags[DIGEST]: run for run in page if DIGEST in run.data.tags}
        token = page.token
        if not token:
            return found

"""Why an output would be made again: its jobs beside Snakemake's records of those that made it.

Of one that is up to date, what the log of the run that made it says (``mtkd.commands.logged``).

Snakemake looks for one kind of reason after another and stops at the first; here a job's reasons
are all looked for. Which jobs would run is Snakemake's answer.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from mtkd.commands.differences import ABSENT, Difference, differences, shown
from mtkd.commands.graph import job_graph
from mtkd.commands.logged import MISSING, last_run
from mtkd.commands.recorded import parameter

# Jobs that one line names.
NAMED = 3
# What a digest in a job's text is of, by its key's first and last part.
DIGESTS = {
    ("code", "script"): "the rule's script",
    ("code", "code"): "what the script uses of the mtkd package",
    ("code", "format"): "the format of records",
    ("recipes", "fusion"): "code of the strategy's fusion",
    ("recipes", "loss"): "code of the strategy's loss",
    ("recipes", "code"): "code of the strategy's fusion",
    ("pools", "code"): "code of the strategy's operator",
    ("pages", "pages"): "the pages' templates",
}


class _Job(NamedTuple):
    """A job as it is named."""

    rule: str
    output: tuple[str, ...]


def why(target: str, suite: Path | None = None, config: Sequence[str] = ()) -> str:
    """Why ``target`` would be made again, in some lines; or that it would not.

    ``suite`` and ``config`` as for Snakemake, whose project is in the working folder. Raises
    InputError.
    """
    with job_graph(target, suite, config) as dag:
        (job,) = dag.targetjobs
        pending = set(dag.needrun_jobs())
        if not pending:
            return "\n".join(_up_to_date(target, _made(dag, job)))
        # The target's own job first, then those that are nearest to it.
        jobs = filter(pending.__contains__, dag.bfs(dag.dependencies, job))
        reasons = [(_named(one), reason) for one in jobs for reason in _reasons(dag, one)]
        own = job.rule.norun or any(named == _named(job) for named, _ in reasons)
        last = "" if job.rule.norun or len(pending) == 1 else f", {job.rule.name} last"
        upstream = "" if own else "; what has changed lies upstream"
        count = "one job" if len(pending) == 1 else f"{len(pending)} jobs"
        return "\n".join([f"{target}: {count} would run for it{last}{upstream}", *_told(reasons)])


def _up_to_date(target: str, made: str) -> Iterator[str]:
    """That nothing would run; and why the run that made the target did, where its log says so."""
    log, jobs = (last_run(Path(), target) if made else None) or (None, [])
    if jobs and target in dict(jobs[0].others()).get(MISSING, ()):
        yield f"{target}: nothing, it is up to date{made}, when it was not there"
        return
    yield f"{target}: nothing, it is up to date{made}"
    reasons = [(_Job(one.rule, one.output), reason) for one in jobs for reason in _then(one)]
    if reasons:
        yield f"why it was made then, by {log}:"
        yield from _told(reasons)


def _then(job: Any) -> Iterator[str]:
    """Why a job ran that has ended (``mtkd.commands.logged.Ran``)."""
    if changed := job.parameters():
        yield from map(_glossed, parameter_changes(*changed))
    for reason, paths in job.others():
        yield f"{reason}: {', '.join(paths[:NAMED])}{_more(paths)}" if paths else reason


def _told(reasons: Iterable[tuple[_Job, str]]) -> Iterator[str]:
    """Reasons in lines, those of the same jobs together, the jobs below them."""
    jobs_of: dict[str, list[_Job]] = {}
    for job, reason in reasons:
        jobs_of.setdefault(reason, []).append(job)
    found: dict[tuple[_Job, ...], list[str]] = {}
    for reason, jobs in jobs_of.items():
        found.setdefault(tuple(jobs), []).append(reason)
    for jobs, together in found.items():
        yield ""
        yield from together
        yield from (f"  {line}" for line in _in_lines(jobs))


def _named(job: Any) -> _Job:
    return _Job(job.rule.name, tuple(map(str, job.output)))


def _in_lines(jobs: Sequence[_Job]) -> list[str]:
    """Some jobs, or where they are many how many of which rule."""
    if len(jobs) > NAMED:
        rules = Counter(job.rule for job in jobs)
        return [f"{len(jobs)} jobs: {', '.join(f'{rule} {n}' for rule, n in rules.items())}"]
    return [f"{job.rule} of {_first(job)}{_more(job.output, 1)}" for job in jobs]


def _first(job: _Job) -> str:
    """The output that stands for a job's: one that is not there, if there is such a one."""
    return min(job.output, key=os.path.exists)


def _more(things: Sized, named: int = NAMED) -> str:
    return f" and {len(things) - named} more" if len(things) > named else ""


def _made(dag: Any, job: Any) -> str:
    record = next(filter(None, map(dag.workflow.persistence.metadata, job.output)), None)
    return f"; {record.rule} made it on {_date(record.endtime)}" if record else ""


def _date(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _reasons(dag: Any, job: Any) -> Iterator[str]:
    """Why a job would run, itself; nothing where only its inputs are made again."""
    if job.rule.norun:
        return
    persistence = dag.workflow.persistence
    records = {str(path): persistence.metadata(path) for path in job.output}
    made_again = {
        str(path)
        for upstream, paths in dag.dependencies[job].items()
        if dag.needrun(upstream)
        for path in paths
    }
    yield from _absent(records, persistence._filter_incomplete_keys(records))
    if persistence.has_outdated_metadata(job):
        yield "recorded by an older version of Snakemake, in another format"
    else:
        # The outputs of one run of the job have equal records.
        known = [record for record in records.values() if record is not None]
        unlike = {(*(one.params or ()), 0, *(one.input or ()), one.code): one for one in known}
        said = (_changes(persistence, job, record, made_again) for record in unlike.values())
        yield from dict.fromkeys(chain.from_iterable(said))
    yield from _changed_inputs(dag, job, records, made_again)


def _absent(records: dict[str, Any], broken_off: set[str]) -> Iterator[str]:
    """Outputs that are not there, or not as their job left them."""
    there = {path for path in records if os.path.exists(path)}
    gone = [path for path in records if path not in there and path not in broken_off]
    groups = {
        "never made": [path for path in gone if records[path] is None],
        "missing": [path for path in gone if records[path]],
        "of no job that is recorded": [
            path for path in records if path in there - broken_off and records[path] is None
        ],
        "of a job that was broken off, or is at work": list(broken_off),
    }
    for what, paths in groups.items():
        if paths:
            made = max((records[path].endtime for path in paths if records[path]), default=None)
            when = f", made on {_date(made)}" if what == "missing" else ""
            some = len(paths) < len(records)
            yield (f"{len(paths)} of {len(records)} outputs {what}" if some else what) + when


def _changes(persistence: Any, job: Any, record: Any, made_again: set[str]) -> Iterator[str]:
    """What of a job is other than in the record of the one that made an output.

    A new input that is made again before the job is no reason of its own.
    """
    if record.params is not None:
        yield from map(_glossed, parameter_changes(record.params, persistence._params(job)))
    taken, takes = set(record.input or []), set(map(str, persistence._input(job)))
    if record.input is not None:
        new = takes - taken - made_again
        for what, paths in (("no input any more", taken - takes), ("a new input", new)):
            if paths:
                yield f"{what}: {', '.join(sorted(paths)[:NAMED])}{_more(paths)}"
    command = persistence._code(job.rule)
    if record.code not in (None, command):
        words = record.code.split(), (command or "").split()
        only = [[word for word in one if word not in other] for one, other in (words, words[::-1])]
        told = [" ".join(one) for one in (only if any(only) else words)]
        yield f"the rule's command: {shown(told[0])} -> {shown(told[1])}"


def parameter_changes(old: Sequence[str], new: Sequence[str]) -> Iterator[Difference]:
    """How a job's parameters differ, given as Snakemake records them: sorted, each as its ``repr``.

    Of job texts (``mtkd.study.jobs``) it is the keys that differ.
    """
    texts, others = [], []
    for one, other in ((old, new), (new, old)):
        values = [parameter(text) for text in one if text not in set(other)]
        texts.append([value for value in values if isinstance(value, dict)])
        others.append([value for value in values if not isinstance(value, dict)])
    if all(len(side) == 1 for side in texts):
        yield from differences(texts[0][0], texts[1][0])
    elif any(texts):
        others = [[*side, *text] for side, text in zip(others, texts, strict=True)]
    if any(others):
        plain = [side[0] if len(side) == 1 else side or ABSENT for side in others]
        yield Difference("a parameter" if max(map(len, others)) == 1 else "parameters", *plain)


def _glossed(difference: Difference) -> str:
    """A difference, and of digests what they are of."""
    parts = difference.key.split(".")
    first, last = parts[0], parts[-1]
    meaning = DIGESTS.get((first, last))
    if first == "metrics" and len(parts) == 2:
        meaning = f"code of the metric {last}"
    if first == "settings" and (difference.old is ABSENT or difference.new is ABSENT):
        # Job texts leave default values out.
        meaning = "not set: the default, if it has one"
    return f"{difference} ({meaning})" if meaning else str(difference)


def _changed_inputs(
    dag: Any, job: Any, records: dict[str, Any], made_again: set[str]
) -> Iterator[str]:
    """Inputs that are newer than the job's outputs, and other than what it read.

    Not those that are made again before it.
    """
    from snakemake.common import async_run

    known = [record for record in records.values() if record is not None]
    if not known:
        return
    oldest = min(
        os.path.getmtime(path) if os.path.isfile(path) else record.endtime
        for path, record in records.items()
        if record is not None
    )
    checksums = dag.workflow.persistence.input_checksums

    async def changed() -> list[str]:
        found = []
        for path in job.input:
            if str(path) in made_again or not await path.exists():
                continue
            read = checksums(job, path)
            if await path.is_newer(oldest) and not (
                len(read) == 1 and await path.is_same_checksum(*read, dag.max_checksum_file_size)
            ):
                found.append(f"{path} ({'other content' if read - {None} else 'newer'})")
        return found

    if found := async_run(changed()):
        what = "an input has changed" if len(found) == 1 else f"{len(found)} inputs have changed"
        yield f"{what} since: {', '.join(found[:NAMED])}{_more(found)}"

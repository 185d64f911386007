"""Teachers of text: programs that write in a style, models that learn one, existing traces."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from mtkd.errors import InputError
from mtkd.generation.asking import ask
from mtkd.generation.prompts import Prompts, read_prompts, same_text
from mtkd.generation.styles import STYLES, with_wrong_steps, write
from mtkd.models.sources import settled_folder, source_digests
from mtkd.records.files import (
    digest_folder,
    digest_text,
    discard_folder,
    publish_folder,
    read_json,
    write_json,
)
from mtkd.records.leases import Claim, check_claim, claim_output, release_claim
from mtkd.records.parquet import write_parquet
from mtkd.records.runs import new_record
from mtkd.records.verdicts import keep_verdict, refuse_diverged, verdict_file
from mtkd.study.jobs import determinants
from mtkd.study.settings import canonical_json
from mtkd.tasks.tables import read_table

if TYPE_CHECKING:
    from mtkd.distillation.group import Machine


class Pupil(NamedTuple):
    """A teacher that learns its style first: what determines it, and the folder of its model."""

    name: str
    settings: Mapping[str, Any]
    digest: str
    model: Path


def write_traces(
    job: Mapping[str, Any],
    known: Mapping[str, Any],
    task: Path,
    teacher: str,
    seed: str,
    fetched: Path | None,
    state: Path,
    machine: Machine,
    model: Path | None,
    output: Path,
) -> None:
    """Publish what a teacher writes on the transfer prompts, and first its model, if it has one.

    ``known`` is what determines it beside the task. A training is resumed where its state was
    saved, and a model as it is goes on behind what it has written. An orphan, whose output another
    run has claimed, publishes nothing. Raises InputError.
    """
    claim = claim_output(state, output)
    settings = job["settings"]
    own, prompts = settings["teacher"], read_prompts(task / "transfer.parquet")
    record = new_record("teacher", task=task.name, teacher=teacher, seed=seed)
    kept = None
    if "traces" in own:
        report = read_prompts(task / "report.parquet")
        rows, facts = existing_traces(Path(own["traces"]), prompts, report)
    elif "model" not in own:
        responses = program_traces(own, prompts.texts, seed_of(seed, teacher))
        rows, facts = _rows(prompts, responses), {}
    else:
        digest = _digest(known, task, own, fetched)
        if "style" in own:
            lot = [Pupil(teacher, settings, digest, model)]
            [(responses, facts)] = _learnt_traces(
                lot, task, seed, fetched, state, machine, prompts, claim
            )
            rows = _rows(prompts, responses)
        else:
            kept = state / "traces" / digest
            named = own["model"]
            folder = settled_folder(named.get("hub"), named.get("folder"), fetched)
            longest = settings["task"]["longest"]
            responses, tokens, facts = ask(
                own, folder, prompts.texts, longest, int(seed), machine, kept, claim
            )
            rows = _rows(prompts, responses).assign(tokens=tokens)
    _publish(job, {**record, "style": own.get("style")}, rows, facts, output, claim)
    release_claim(claim)
    if kept:
        discard_folder(kept)


def write_traces_together(
    job: Mapping[str, Any],
    task: Path,
    places: Mapping[str, tuple[Path, Path]],
    seed: str,
    fetched: Path | None,
    state: Path,
    machine: Machine,
) -> None:
    """As ``write_traces``, of several teachers that learn their styles as one model.

    The job has settings of each by name, and ``places`` where its model and its traces go. One that
    diverges ends the job, and publishes nothing of the others. Raises InputError.
    """
    claim = claim_output(state, next(iter(places.values()))[1])
    prompts, lot, records = read_prompts(task / "transfer.parquet"), [], []
    for name, (model, _) in places.items():
        settings = job["settings"][name]
        # As one it rounds otherwise, whoever the others are.
        known = determinants(
            {**job, "settings": settings}, teacher=name, seed=seed, engine="packed"
        )
        lot.append(Pupil(name, settings, _digest(known, task, settings["teacher"], fetched), model))
        record = new_record("teacher", task=task.name, teacher=name, seed=seed)
        records.append({**record, "style": settings["teacher"]["style"]})
    found = _learnt_traces(lot, task, seed, fetched, state, machine, prompts, claim)
    for record, (_, output), (responses, facts) in zip(
        records, places.values(), found, strict=True
    ):
        _publish(job, record, _rows(prompts, responses), facts, output, claim)
    release_claim(claim)


def _digest(
    known: Mapping[str, Any], task: Path, own: Mapping[str, Any], fetched: Path | None
) -> str:
    data = read_json(task / "info.json")["digest"]
    files = source_digests(own["model"], fetched)
    return digest_text(canonical_json({**known, "data": data, "model_files": files}))


def _publish(
    job: Mapping[str, Any],
    record: Mapping[str, Any],
    rows: pd.DataFrame,
    facts: Mapping[str, Any],
    output: Path,
    claim: Claim,
) -> None:
    check_claim(claim)
    code = digest_text(canonical_json(job["code"]))
    write_json(output.parent / "run.json", {**record, "rows": len(rows), **facts, "code": code})
    write_parquet(output, rows)


def _rows(prompts: Prompts, responses: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame({"id": prompts.ids, "prompt": prompts.texts, "response": responses})


def seed_of(seed: str, name: str) -> np.random.Generator:
    """A generator for what a teacher draws, apart from another teacher's of the same seed."""
    return np.random.default_rng([int(seed), int(digest_text(name)[:8], 16)])


def program_traces(
    own: Mapping[str, Any], prompts: Sequence[str], rng: np.random.Generator
) -> list[str]:
    """What a program writes in its style behind each prompt. Raises InputError."""
    style = own["style"]
    if style not in STYLES:
        raise InputError(f"unknown style {style!r}; known: {', '.join(STYLES)}")
    share = own.get("wrong_steps", 0)
    if not share:
        return [write(style, prompt) for prompt in prompts]
    return [with_wrong_steps(style, prompt, share, rng) for prompt in prompts]


def existing_traces(
    path: Path, prompts: Prompts, report: Prompts
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Traces of a JSONL, CSV or parquet file with columns ``prompt`` and ``response``.

    Those of prompts that are not among the transfer prompts are left out and counted. Raises
    InputError for a prompt of report among them, a prompt with two traces, one without an answer
    in any, and for none that can be used.
    """
    table = read_table(path, ["prompt", "response"])
    held = {same_text(prompt) for prompt in report.texts}
    ids = {
        same_text(text): (id_, text) for id_, text in zip(prompts.ids, prompts.texts, strict=True)
    }
    rows, unknown = [], 0
    seen: dict[str, int] = {}
    pairs = zip(table.columns["prompt"], table.columns["response"], strict=True)
    for row, (prompt, response) in enumerate(pairs):
        if not str(prompt or "").strip() or not str(response or "").strip():
            raise InputError(f"{path}: {table.place(row)} has an empty prompt or response")
        key = same_text(str(prompt))
        if key in held:
            raise InputError(
                f"{path}: {table.place(row)} is a prompt of the report split; take it out: what is "
                "reported on must not be learnt from"
            )
        if key in seen:
            raise InputError(
                f"{path}: {table.place(row)} is a second trace of the prompt of "
                f"{table.place(seen[key])}; give each prompt one"
            )
        seen[key] = row
        if key in ids:
            rows.append((*ids[key], str(response)))
        else:
            unknown += 1
    if not rows:
        raise InputError(f"{path}: none of its prompts is one of the task's transfer prompts")
    if unknown:
        print(f"{path}: {unknown} traces are of other prompts, and left out", file=sys.stderr)
    frame = pd.DataFrame(rows, columns=["id", "prompt", "response"])
    return frame.sort_values("id", ignore_index=True), {"left_out": unknown}


def _learnt_traces(
    lot: Sequence[Pupil],
    task: Path,
    seed: str,
    fetched: Path | None,
    state: Path,
    machine: Machine,
    prompts: Prompts,
    claim: Claim,
) -> Iterator[tuple[list[str], dict[str, Any]]]:
    """What models write that first learn their styles, several as one, and what their records say.

    All models are published before the first one writes.
    """
    verdicts = [verdict_file(state, one.digest) for one in lot]
    for one, verdict in zip(lot, verdicts, strict=True):
        refuse_diverged(one.name, verdict)

    from mtkd.config.generation import CausalModel
    from mtkd.config.schema import Training
    from mtkd.distillation.checkpoints import Checkpoint, stop_on_signals
    from mtkd.distillation.device import peak_memory_mb, prepare_device, provenance
    from mtkd.generation import sampling
    from mtkd.generation.learner import (
        load_tokens,
        make_causal,
        settle_causal,
        train_on_pairs,
        train_on_pairs_together,
    )
    from mtkd.generation.tokens import ANY
    from mtkd.models.build import save_model

    shared = lot[0].settings
    device = prepare_device(machine.threads, machine.gpus, machine.allow_cpu)
    source = settle_causal(CausalModel.model_validate(shared["teacher"]["model"]), fetched)
    tokenizer = load_tokens(source)
    training = Training.model_validate(shared["training"])
    teach = read_prompts(task / "teach.parquet")
    count = shared["teacher"].get("rows", len(teach.texts))
    if count > len(teach.texts):
        raise InputError(
            f"teacher {lot[0].name}: it is to learn from {count} prompts, and the task has "
            f"{len(teach.texts)} (rows.teach)"
        )
    models, templates, pairs = [], [], []
    for one in lot:
        own = one.settings["teacher"]
        models.append(make_causal(source, tokenizer, int(seed)).to(device))
        template = (ANY if source.folder is None else "") + own.get("template", "{prompt}")
        templates.append(template)
        learnt = program_traces(own, teach.texts[:count], seed_of(seed, f"{one.name}/teach"))
        pairs.append(([template.replace("{prompt}", text) for text in teach.texts[:count]], learnt))
    digest = digest_text("\n".join(one.digest for one in lot))
    checkpoint = Checkpoint(state, lot[0].model, digest, machine.save_minutes, claim)
    stop_on_signals()
    if len(lot) == 1:
        outcomes = [
            train_on_pairs(models[0], tokenizer, *pairs[0], training, int(seed), device, checkpoint)
        ]
    else:
        outcomes = train_on_pairs_together(
            models, tokenizer, pairs, training, int(seed), device, checkpoint, None
        )
    check_claim(claim)
    diverged = []
    for one, verdict, outcome in zip(lot, verdicts, outcomes, strict=True):
        if outcome.status == "diverged":
            on = provenance(outcome.machines)
            keep_verdict(verdict, outcome.reason, on, teacher=one.name, seed=seed)
            diverged.append((one.name, verdict))
    if diverged:
        checkpoint.remove()
        refuse_diverged(*diverged[0])
    for one, model in zip(lot, models, strict=True):
        publish_folder(one.model, lambda folder, model=model: save_model(model, tokenizer, folder))
    for one, model, template, outcome in zip(lot, models, templates, outcomes, strict=True):
        facts = {
            "parameters": sum(weight.numel() for weight in model.parameters()),
            "reads": template,
            "together": len(lot),
            "history": outcome.history,
            "seconds": round(outcome.seconds, 3),
            "peak_memory_mb": peak_memory_mb(device),
            "model": digest_folder(one.model),
            **provenance(outcome.machines),
        }
        written = sampling.write(
            model,
            tokenizer,
            [template.replace("{prompt}", text) for text in prompts.texts],
            one.settings["task"]["longest"],
            one.settings["teacher"].get("T", 0.0),
            int(seed),
            training.precision,
        )
        yield written, facts
    # Not before: where a job ends while it writes, Snakemake deletes the models.
    checkpoint.remove()

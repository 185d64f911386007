"""Teachers of text: programs that write in a style, models that learn one, existing traces."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
from mtkd.study.settings import canonical_json
from mtkd.tasks.tables import read_table

if TYPE_CHECKING:
    from mtkd.distillation.group import Machine


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
        info = read_json(task / "info.json")
        files = source_digests(own["model"], fetched)
        digest = digest_text(
            canonical_json({**known, "data": info["digest"], "model_files": files})
        )
        if "style" in own:
            responses, facts = _learnt_traces(
                settings,
                digest,
                task,
                teacher,
                seed,
                fetched,
                state,
                machine,
                model,
                prompts,
                claim,
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
    check_claim(claim)
    write_json(
        output.parent / "run.json",
        {
            **record,
            "style": own.get("style"),
            "rows": len(rows),
            **facts,
            "code": digest_text(canonical_json(job["code"])),
        },
    )
    write_parquet(output, rows)
    release_claim(claim)
    if kept:
        discard_folder(kept)


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
    settings: Mapping[str, Any],
    digest: str,
    task: Path,
    teacher: str,
    seed: str,
    fetched: Path | None,
    state: Path,
    machine: Machine,
    output: Path,
    prompts: Prompts,
    claim: Claim,
) -> tuple[list[str], dict[str, Any]]:
    """What a model writes that first learns its style; and what its record says."""
    verdict = verdict_file(state, digest)
    refuse_diverged(teacher, verdict)

    from mtkd.config.generation import CausalModel
    from mtkd.config.schema import Training
    from mtkd.distillation.checkpoints import Checkpoint, stop_on_signals
    from mtkd.distillation.device import peak_memory_mb, prepare_device, provenance
    from mtkd.generation import sampling
    from mtkd.generation.learner import load_tokens, make_causal, settle_causal, train_on_pairs
    from mtkd.generation.tokens import ANY
    from mtkd.models.build import save_model

    own = settings["teacher"]
    device = prepare_device(machine.threads, machine.gpus, machine.allow_cpu)
    source = settle_causal(CausalModel.model_validate(own["model"]), fetched)
    tokenizer = load_tokens(source)
    model = make_causal(source, tokenizer, int(seed)).to(device)
    template = (ANY if source.folder is None else "") + own.get("template", "{prompt}")
    facts: dict[str, Any] = {
        "parameters": sum(one.numel() for one in model.parameters()),
        "reads": template,
    }
    training = Training.model_validate(settings["training"])
    teach = read_prompts(task / "teach.parquet")
    count = own.get("rows", len(teach.texts))
    if count > len(teach.texts):
        raise InputError(
            f"teacher {teacher}: it is to learn from {count} prompts, and the task has "
            f"{len(teach.texts)} (rows.teach)"
        )
    learnt = program_traces(own, teach.texts[:count], seed_of(seed, f"{teacher}/teach"))
    checkpoint = Checkpoint(state, output, digest, machine.save_minutes, claim)
    stop_on_signals()
    texts = [template.replace("{prompt}", text) for text in teach.texts[:count]]
    outcome = train_on_pairs(
        model, tokenizer, texts, learnt, training, int(seed), device, checkpoint
    )
    check_claim(claim)
    if outcome.status == "diverged":
        on = provenance(outcome.machines)
        keep_verdict(verdict, outcome.reason, on, teacher=teacher, seed=seed)
        checkpoint.remove()
        refuse_diverged(teacher, verdict)
    publish_folder(output, lambda folder: save_model(model, tokenizer, folder))
    facts |= {
        "history": outcome.history,
        "seconds": round(outcome.seconds, 3),
        "peak_memory_mb": peak_memory_mb(device),
        "model": digest_folder(output),
        **provenance(outcome.machines),
    }
    checkpoint.remove()
    texts = [template.replace("{prompt}", text) for text in prompts.texts]
    longest = settings["task"]["longest"]
    written = sampling.write(
        model, tokenizer, texts, longest, own.get("T", 0.0), int(seed), training.precision
    )
    return written, facts

"""Students of text: restore what is kept, train the rest on their mixtures, have them write.

No torch before one has to be trained.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from mtkd.config.generation import Mixing
from mtkd.generation.evaluation import (
    generations,
    is_marked,
    nothing_written,
    own_modes,
    right_share,
)
from mtkd.generation.mixtures import Written, build_mixture
from mtkd.generation.prompts import read_prompts
from mtkd.generation.tokens import ANY, UNSEEN, read_as
from mtkd.models.sources import source_digests
from mtkd.records.cells import GENERATIONS, Cell, cells_of, publish_cells
from mtkd.records.files import digest_bytes, digest_text, read_json, write_json, write_text
from mtkd.records.leases import Claim, check_claim
from mtkd.records.parquet import read_parquet, write_parquet
from mtkd.records.runs import new_record
from mtkd.study.generation_words import ANY_MODE, UNSEEN_MODE
from mtkd.study.jobs import determinants
from mtkd.study.paths import parse_writer
from mtkd.study.settings import canonical_json

if TYPE_CHECKING:
    from mtkd.distillation.group import Machine
    from mtkd.generation.learner import CausalSource

NAMES = ("mixture.parquet", "history.jsonl", "run.json", GENERATIONS)


class Writers(NamedTuple):
    """What the students of a group have in common, and where they go."""

    job: Mapping[str, Any]  # settings, code, strategies: see mtkd.study.generation
    task: Path
    # Of every teacher that one of them has, beside its record and, if it is needed, its model.
    traces: Sequence[Path]
    fetched: Path | None
    state: Path
    outputs: Sequence[Path]  # each student's generations
    together: int = 1  # students that are trained as one, at most


class Prepared(NamedTuple):
    """A student before its training: what it learns, and its prompts as it reads them."""

    cell: Cell
    mixing: Mapping[str, Any]
    teachers: Sequence[str]
    seed: int
    mixture: pd.DataFrame  # see mtkd.generation.mixtures.build_mixture
    said: Mapping[str, Any]
    reads: Sequence[str]


def train_writers(group: Writers, machine: Machine) -> None:
    """Publish every student of a group: restored where it is kept, else trained.

    Each at most once, however often the group is run. Raises InputError.
    """
    written = read_written(group.traces, group.task)
    publish_cells(
        group.state,
        group.outputs[0],
        NAMES,
        _students(group, written),
        partial(_trained, group, written, machine),
    )


def read_written(paths: Sequence[Path], task: Path) -> dict[str, Written]:
    """What teachers wrote, by name, with the answers that are right."""
    answers = read_parquet(task / "transfer.parquet", ["id", "prompt", "answer"])
    found = {}
    for path in paths:
        traces = read_parquet(path, ["id", "response"])
        record = read_json(path.parent / "run.json")
        rows = answers.merge(traces[["id", "response"]], on="id", how="left")
        # Of traces that there are, some prompts have none.
        rows["response"] = rows["response"].astype(object).where(rows["response"].notna(), None)
        found[path.parts[-3]] = Written(rows, record["style"])
    return found


def _students(group: Writers, written: Mapping[str, Written]) -> Iterator[Cell]:
    """Every student, with the digest of all that determines what it writes."""
    settings, data = group.job["settings"], read_json(group.task / "info.json")["digest"]
    model_files = source_digests(settings["model"], group.fetched)
    digests = {
        name: digest_bytes(
            str(text).encode() for column in one.traces for text in one.traces[column]
        )
        for name, one in written.items()
    }
    records = {path.parts[-3]: path.parent / "run.json" for path in group.traces}

    def determine(axes: Mapping[str, str]) -> dict[str, Any]:
        mixing = group.job["strategies"][axes["strategy"]]
        names = _names(axes, mixing)
        along = axes["teachers"].split("+") if Mixing.model_validate(mixing).reads_models else []
        models = {name: read_json(records[name])["model"] for name in along}
        return determinants(
            group.job,
            data=data,
            model_files=model_files,
            axes=axes,
            mixing=mixing,
            teachers={name: digests[name] for name in names},
            # Trained as one with others it rounds otherwise, whoever they are.
            **({"engine": "packed"} if group.together > 1 and is_packable(mixing) else {}),
            **({"teacher_models": models} if models else {}),
        )

    return cells_of("student", group.outputs, parse_writer, determine)


def _names(axes: Mapping[str, str], mixing: Mapping[str, Any]) -> list[str]:
    """Whose traces a student's mixture is made of."""
    others = [mixing["answers_of"]] if "answers_of" in mixing else []
    return list(dict.fromkeys([*axes["teachers"].split("+"), *others]))


def _trained(
    group: Writers,
    written: Mapping[str, Written],
    machine: Machine,
    claim: Claim,
    waiting: Sequence[Cell],
    folder: Path,
) -> Iterator[tuple[Cell, Path]]:
    """Train students, each into a folder of its own below ``folder``."""
    # Loading torch and transformers takes seconds.
    from mtkd.config.generation import CausalModel
    from mtkd.config.schema import Training
    from mtkd.distillation.checkpoints import Checkpoint, stop_on_signals
    from mtkd.distillation.device import peak_memory_mb, prepare_device, provenance
    from mtkd.generation.learner import (
        load_tokens,
        log_likelihoods,
        make_causal,
        settle_causal,
        train_on_pairs_together,
    )
    from mtkd.generation.learning import PARTS, learn, read_teacher, rewriting, warmed_up
    from mtkd.generation.sampling import write
    from mtkd.models.packed import check_packable

    settings = group.job["settings"]
    training = Training.model_validate(settings["training"])
    verifier = settings["task"].get("verifier", "integer")
    longest, template = settings["task"]["longest"], settings.get("template", "{prompt}")
    selection = read_prompts(group.task / "selection.parquet")
    report = read_prompts(group.task / "report.parquet")
    stop_on_signals()
    device = prepare_device(machine.threads, machine.gpus, machine.allow_cpu)
    source: CausalSource = settle_causal(
        CausalModel.model_validate(settings["model"]), group.fetched
    )
    tokenizer = load_tokens(source)
    mixings = [group.job["strategies"][cell.axes["strategy"]] for cell in waiting]
    if group.together > 1 and any(map(is_packable, mixings)):
        check_packable(make_causal(source, tokenizer, 0))
    folders = {path.parts[-3]: path.parent / "model" for path in group.traces}

    def with_mixture(cell: Cell) -> Prepared:
        check_claim(claim)
        mixing = group.job["strategies"][cell.axes["strategy"]]
        teachers, seed = cell.axes["teachers"].split("+"), int(cell.axes["seed"])
        likelihood = warmed_up(source, tokenizer, training, seed, device, template)
        rewriter = rewriting(source, tokenizer, training, seed, longest, device, template)
        mixture, said = build_mixture(
            mixing, written, teachers, int(cell.axes["n"]), seed, verifier, likelihood, rewriter
        )
        reads = [
            read_as(template, mode, prompt)
            for mode, prompt in zip(mixture["mode"], mixture["prompt"], strict=True)
        ]
        return Prepared(cell, mixing, teachers, seed, mixture, said, reads)

    def checkpoint(cell: Cell, part: str) -> Checkpoint:
        output = cell.output / part if part else cell.output
        return Checkpoint(group.state, output, cell.digest, machine.save_minutes, claim)

    def continued(model, prompts: Sequence[str], T: float = 0.0, draw: int = 0) -> list[str]:
        return write(model, tokenizer, prompts, longest, T, draw, training.precision)

    def on_selection(one: Prepared, model) -> dict[str, float]:
        if not selection.texts:
            return {}
        first = next(iter(own_modes(one.mixing, one.teachers).values()))
        said = continued(model, [read_as(template, first, text) for text in selection.texts])
        return {"selection": right_share(verifier, said, selection)}

    for lot in lots_of(map(with_mixture, waiting), group.together):
        models = [make_causal(source, tokenizer, one.seed).to(device) for one in lot]
        if group.together > 1 and is_packable(lot[0].mixing):
            # One file a job: a lot that is no more leaves nothing behind.
            digest = digest_text("\n".join(one.cell.digest for one in lot))
            output = group.outputs[0].parent / "together"
            states = [Checkpoint(group.state, output, digest, machine.save_minutes, claim)]
            note = f"{len(lot)} students are trained as one; their time stands with the first"
            print(note, file=sys.stderr, flush=True)
            outcomes = train_on_pairs_together(
                models,
                tokenizer,
                [(one.reads, one.mixture["response"].tolist()) for one in lot],
                training,
                lot[0].seed,
                device,
                states[0],
                lambda _, place, lot=lot, models=models: on_selection(lot[place], models[place]),
            )
        else:
            [one], [model] = lot, models
            how = Mixing.model_validate(one.mixing)
            states = [checkpoint(one.cell, part) for part in PARTS]
            outcome = learn(
                model,
                tokenizer,
                one.reads,
                one.mixture,
                how,
                {
                    name: read_teacher(name, folders[name], tokenizer, device)
                    for name in (one.teachers if how.reads_models else ())
                },
                training,
                one.seed,
                longest,
                device,
                dict(zip(PARTS, states, strict=True)).__getitem__,
                lambda _, one=one, model=model: on_selection(one, model),
            )
            outcomes = [outcome]
        # Kept at once: a rerun without some of a lot would train the others in other company.
        finished = []
        for one, model, outcome in zip(lot, models, outcomes, strict=True):
            rows, likelihoods = nothing_written(), None
            if outcome.status == "finished":
                rows = generations(
                    partial(continued, model),
                    report,
                    own_modes(one.mixing, one.teachers),
                    is_marked(one.mixing),
                    [written[name].style for name in one.teachers if written[name].style],
                    settings["samples"],
                    one.seed,
                    template,
                )
                # Of one teacher there is nothing to share out.
                if len(one.teachers) > 1:
                    responses = one.mixture["response"].tolist()
                    likelihoods = log_likelihoods(
                        model, tokenizer, one.reads, responses, training.precision
                    )
            record = {
                **_learnt(one, likelihoods),
                "status": outcome.status,
                "reason": outcome.reason,
                "step": outcome.step,
                "training": training.model_dump(mode="json"),
                "together": len(lot),
                "seconds": round(outcome.seconds, 3),
                "examples_per_second": round(outcome.examples_per_second, 1),
                "peak_memory_mb": peak_memory_mb(device),
                "parameters": sum(weight.numel() for weight in model.parameters()),
                **provenance(outcome.machines),
                "digests": {
                    "cell": one.cell.digest,
                    "code": digest_text(canonical_json(group.job["code"])),
                },
            }
            made = folder / one.cell.digest
            write_parquet(made / "mixture.parquet", one.mixture)
            write_text(
                made / "history.jsonl", "".join(json.dumps(row) + "\n" for row in outcome.history)
            )
            write_json(made / "run.json", record)
            write_parquet(made / GENERATIONS, rows)
            finished.append((one.cell, made))
        yield from finished
        for state in states:
            state.remove()


def _learnt(one: Prepared, likelihoods: tuple[np.ndarray, np.ndarray] | None) -> dict[str, Any]:
    """What a student's record says of what it learnt, and of whom, if it was more than one."""
    axes, own = one.cell.axes, own_modes(one.mixing, one.teachers)
    record = {
        **new_record("student", **{key: axes[key] for key in axes if key != "n"}),
        "n": int(axes["n"]),
        "mixing": one.mixing,
        **one.said,
    }
    if likelihoods:
        record["by_teacher"] = by_teacher(one.teachers, one.mixture["teacher"], *likelihoods)
    marked = {ANY_MODE: ANY, UNSEEN_MODE: UNSEEN} if is_marked(one.mixing) else {}
    return {
        **record,
        "tokens": int(one.mixture["response"].str.len().sum()),
        "modes": {**own, **marked},
    }


def is_packable(mixing: Mapping[str, Any]) -> bool:
    """Whether students of a strategy can be trained as one: all that is trained is they."""
    return not Mixing.model_validate(mixing).trains_along


def lots_of(students: Iterable[Prepared], together: int) -> Iterator[list[Prepared]]:
    """Which students are trained as one: at most so many, of one seed and as many traces each.

    Those whose texts are as long stand together, since all are padded to the longest. One that is
    not packable is alone. Where none are trained together, each comes as it is wanted.
    """
    alike: dict[tuple[int, int], list[Prepared]] = {}
    for one in students:
        if together > 1 and is_packable(one.mixing):
            alike.setdefault((one.seed, len(one.mixture)), []).append(one)
        else:
            yield [one]
    for lot in alike.values():
        lot.sort(key=lambda one: one.mixture["response"].str.len().max())
        # Where some are finished, and are not asked for again, the others stay what they were.
        for start in range(0, len(lot), together):
            yield lot[start : start + together]


def by_teacher(
    teachers: Sequence[str], rows: pd.Series, likelihoods: np.ndarray, tokens: np.ndarray
) -> dict[str, dict[str, float | None]]:
    """Each teacher's share of N traces, of their tokens and of what they cost a finished student.

    ``rows``, ``likelihoods`` and ``tokens`` [N] are the traces'; ``loss`` is nats a token, None for
    a teacher without a trace.
    """
    found = {}
    for name in teachers:
        own = (rows == name).to_numpy()
        found[name] = {
            "rows": float(own.mean()),
            "tokens": float(tokens[own].sum() / tokens.sum()),
            "loss": float(-likelihoods[own].sum() / tokens[own].sum()) if own.any() else None,
            "loss_share": float(likelihoods[own].sum() / likelihoods.sum()),
        }
    return found

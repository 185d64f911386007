"""Students of text: restore what is kept, train the rest on their mixtures, have them write.

No torch before one has to be trained.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from mtkd.config.generation import DIRECT, Mixing
from mtkd.generation.hybrids import classify
from mtkd.generation.mixtures import Written, build_mixture
from mtkd.generation.prompts import Prompts, read_prompts
from mtkd.generation.styles import STYLES
from mtkd.generation.thoughts import with_forced_error
from mtkd.generation.tokens import ANY, MODES, UNSEEN, read_as
from mtkd.generation.verify import answer_of, is_right
from mtkd.models.sources import source_digests
from mtkd.records.cells import GENERATIONS, Cell, cells_of, publish_cells
from mtkd.records.files import digest_bytes, digest_text, read_json, write_json, write_text
from mtkd.records.leases import Claim, check_claim
from mtkd.records.parquet import read_parquet, write_parquet
from mtkd.records.runs import new_record
from mtkd.study.generation_words import ANY_MODE, DRAWN, GREEDY, UNSEEN_MODE
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
    )
    from mtkd.generation.learning import PARTS, learn, read_teacher, rewriting, warmed_up
    from mtkd.generation.sampling import write

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
    folders = {path.parts[-3]: path.parent / "model" for path in group.traces}
    for student in waiting:
        check_claim(claim)
        axes, mixing = student.axes, group.job["strategies"][student.axes["strategy"]]
        teachers, seed = axes["teachers"].split("+"), int(axes["seed"])
        likelihood = warmed_up(source, tokenizer, training, seed, device, template)
        rewriter = rewriting(source, tokenizer, training, seed, longest, device, template)
        mixture, said = build_mixture(
            mixing, written, teachers, int(axes["n"]), seed, verifier, likelihood, rewriter
        )
        model = make_causal(source, tokenizer, seed).to(device)
        how = Mixing.model_validate(mixing)

        def checkpoint(part: str, student=student) -> Checkpoint:
            output = student.output / part if part else student.output
            return Checkpoint(group.state, output, student.digest, machine.save_minutes, claim)

        own = own_modes(mixing, teachers)
        first = next(iter(own.values()))

        def continued(prompts: Sequence[str], T: float = 0.0, draw: int = 0, model=model):
            return write(model, tokenizer, prompts, longest, T, draw, training.precision)

        def after_epoch(_: int, first=first, continued=continued, model=model) -> dict:
            said = continued([read_as(template, first, one) for one in selection.texts])
            model.train()
            return {"selection": right_share(verifier, said, selection)}

        along = {
            name: read_teacher(name, folders[name], tokenizer, device)
            for name in (teachers if how.reads_models else ())
        }
        reads = [
            read_as(template, mode, prompt)
            for mode, prompt in zip(mixture["mode"], mixture["prompt"], strict=True)
        ]
        outcome = learn(
            model,
            tokenizer,
            reads,
            mixture,
            how,
            along,
            training,
            seed,
            longest,
            device,
            checkpoint,
            after_epoch if selection.texts else None,
        )
        rows = pd.DataFrame(columns=["id", "mode", "decode", "sample", "forced", "response"])
        if outcome.status == "finished":
            styles = [written[name].style for name in teachers if written[name].style]
            rows = generations(
                continued,
                report,
                own,
                is_marked(mixing),
                styles,
                settings["samples"],
                seed,
                template,
            )
        losses = None
        if outcome.status == "finished":
            responses = mixture["response"].tolist()
            losses = log_likelihoods(model, tokenizer, reads, responses, training.precision)
        made = folder / student.digest
        record = {
            **new_record("student", **{key: axes[key] for key in axes if key != "n"}),
            "n": int(axes["n"]),
            "mixing": mixing,
            **said,
            **({"by_teacher": by_teacher(teachers, mixture["teacher"], *losses)} if losses else {}),
            "tokens": int(mixture["response"].str.len().sum()),
            "modes": {**own, ANY_MODE: ANY, UNSEEN_MODE: UNSEEN} if is_marked(mixing) else own,
            "status": outcome.status,
            "reason": outcome.reason,
            "step": outcome.step,
            "training": training.model_dump(mode="json"),
            "seconds": round(outcome.seconds, 3),
            "examples_per_second": round(outcome.examples_per_second, 1),
            "peak_memory_mb": peak_memory_mb(device),
            "parameters": sum(one.numel() for one in model.parameters()),
            **provenance(outcome.machines),
            "digests": {
                "cell": student.digest,
                "code": digest_text(canonical_json(group.job["code"])),
            },
        }
        write_parquet(made / "mixture.parquet", mixture)
        write_text(
            made / "history.jsonl", "".join(json.dumps(row) + "\n" for row in outcome.history)
        )
        write_json(made / "run.json", record)
        write_parquet(made / GENERATIONS, rows)
        yield student, made
        for part in PARTS:
            checkpoint(part).remove()


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


def is_marked(mixing: Mapping[str, Any]) -> bool:
    """Whether a strategy's traces have a token before them that says whose they are."""
    return mixing.get("mode", "none") != "none"


def own_modes(mixing: Mapping[str, Any], teachers: Sequence[str]) -> dict[str, str]:
    """The modes that a student is to be asked in, by name: each teacher's, or nobody's.

    One that learns without thoughts has a mode of its own for that.
    """
    if "direct" in mixing:
        thinks = {ANY_MODE: ANY} if mixing["direct"] == "beside" else {}
        return {**thinks, DIRECT: MODES[len(teachers)]}
    return dict(zip(teachers, MODES, strict=False)) if is_marked(mixing) else {ANY_MODE: ANY}


def right_share(verifier: str, responses: Sequence[str], prompts: Prompts) -> float:
    """The share of responses to prompts whose answer is right."""
    pairs = zip(responses, prompts.answers, strict=True)
    return float(
        np.mean([is_right(verifier, answer_of(verifier, one), gold) for one, gold in pairs])
    )


def wrong_thoughts(
    prompts: Sequence[str], responses: Sequence[str], styles: Sequence[str], seed: int
) -> dict[int, str]:
    """Thoughts with one wrong step in the style that a student itself chose, by their row.

    Of responses in none of ``styles`` all through, and in one without steps, there is none.
    """
    rng = np.random.default_rng([seed, 3])
    found = {}
    for row, (prompt, response) in enumerate(zip(prompts, responses, strict=True)):
        style = classify(response, prompt, styles).style
        if style and STYLES[style].order:
            found[row] = with_forced_error(style, prompt, rng)
    return found


def generations(
    continued: Callable[..., list[str]],
    report: Prompts,
    own: Mapping[str, str],
    marked: bool,
    styles: Sequence[str],
    samples: int,
    seed: int,
    template: str = "{prompt}",
) -> pd.DataFrame:
    """What a student writes on the report's prompts, in each mode and way of decoding.

    In its own modes greedily, drawn ``samples`` times at temperature 1, and behind thoughts with
    one wrong step (where teachers' ``styles`` are known); one that is ``marked`` without its token
    and with one that it never saw, too. ``continued`` takes prompts, a temperature and a seed.
    """
    parts = []

    def add(mode: str, decode: str, sample: int, forced: bool, ids, responses) -> None:
        parts.append(
            pd.DataFrame(
                {
                    "id": ids,
                    "mode": mode,
                    "decode": decode,
                    "sample": sample,
                    "forced": forced,
                    "response": responses,
                }
            )
        )

    for mode, token in own.items():
        prompts = [read_as(template, token, prompt) for prompt in report.texts]
        greedy = continued(prompts)
        add(mode, GREEDY, 0, False, report.ids, greedy)
        for sample in range(samples):
            drawn = continued(prompts, 1.0, 1000 * seed + sample)
            add(mode, DRAWN, sample, False, report.ids, drawn)
        if wrong := wrong_thoughts(report.texts, greedy, styles, seed):
            answers = continued([f"{prompts[row]}{thought};" for row, thought in wrong.items()])
            said = [f"{thought};{a}" for thought, a in zip(wrong.values(), answers, strict=True)]
            add(mode, GREEDY, 0, True, [report.ids[row] for row in wrong], said)
    if marked:
        for mode, token in ((ANY_MODE, ANY), (UNSEEN_MODE, UNSEEN)):
            responses = continued([read_as(template, token, prompt) for prompt in report.texts])
            add(mode, GREEDY, 0, False, report.ids, responses)
    return pd.concat(parts, ignore_index=True)

"""One student of the specialists: its models, what each minimises, what it says of all texts."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from mtkd.config.schema import Training
from mtkd.distillation.checkpoints import Checkpoint
from mtkd.distillation.inference import predict
from mtkd.distillation.learner import Learner, Source, make_model
from mtkd.distillation.objective import Objective, distillation, hard_labels
from mtkd.distillation.training import Outcome, train
from mtkd.models.build import seeded
from mtkd.specialists.compute import (
    epochs_of_compute,
    epochs_of_steps,
    labelling,
    spent,
    with_epochs,
)
from mtkd.specialists.domains import LEARNT, REPORT, Domains
from mtkd.specialists.targets import (
    ABSENT,
    Part,
    Taught,
    answered,
    in_places,
    of_all_labels,
    own_places,
    parts,
    shares,
    taught,
)

LOSS = {"loss": "hinton", "options": {}}


class Stage(NamedTuple):
    """What all students of a job share, loaded once."""

    source: Source
    learner: Learner
    domains: Domains
    logits: np.ndarray  # the specialists' on train [K, N, C]
    router: np.ndarray  # held-out weights of train [N, K]
    teachers: Sequence[Mapping[str, Any]]  # the specialists' records
    training: Training
    device: torch.device


class Student(NamedTuple):
    """A trained student: logits [N, C] on report, history, facts of its record, and outcomes."""

    said: np.ndarray
    history: list[dict]
    facts: dict[str, Any]
    outcomes: list[Outcome]


class _Model(NamedTuple):
    """One of a student's models, trained."""

    outcome: Outcome
    training: Training
    parameters: int
    tokens: int
    said_seconds: float  # CPU seconds of what it says of report's texts


def train_student(
    stage: Stage,
    strategy: Mapping[str, Any],
    seed: int,
    checkpoint: Callable[[int], Checkpoint],
) -> Student:
    """Train a student's models; ``checkpoint`` gives the saved state of each by its number."""
    domains = stage.domains
    column = [domains.tasks[number] for number in domains.domain[LEARNT]]
    what = taught(strategy["fusion"], column, domains.tasks, stage.logits, stage.router)
    labels = len(domains.info.labels)
    begun, ended, said = (
        np.full((len(domains.domain[split]), labels), ABSENT, dtype=np.float32)
        for split in (LEARNT, LEARNT, REPORT)
    )
    models, whole = [], parts(strategy, domains)
    for number, part in enumerate(whole):
        model = begin(stage, part, seed)
        _say(stage, model, part, LEARNT, begun)
        done = _train(stage, model, part, what, strategy, seed, checkpoint(number))
        models.append(done)
        if done.outcome.status == "diverged":
            break
        start = time.process_time()
        _say(stage, model, part, REPORT, said)
        models[-1] = done._replace(said_seconds=time.process_time() - start)
        _say(stage, model, part, LEARNT, ended)
    history = [
        {"model": number, **row} for number, one in enumerate(models) for row in one.outcome.history
    ]
    facts = {"models": len(whole), **_facts(stage, models, what)}
    if what and models[-1].outcome.status == "finished" and np.isfinite(ended).all():
        facts["shares"] = _shares(stage, what, strategy, begun, ended)
    return Student(said, history, facts, [one.outcome for one in models])


def begin(stage: Stage, part: Part, seed: int) -> PreTrainedModel:
    """A model before its training: of its own kind, or the base with a head of these outputs."""
    labels = stage.domains.info.labels
    if stage.source.folder is None or part.names == labels:
        model = make_model(stage.source, stage.learner.tokenizer, part.names, seed)
    else:
        base = make_model(stage.source, stage.learner.tokenizer, labels, seed)
        model = with_outputs(base, part.names, part.begins, seed)
    return model.to(stage.device)


def with_outputs(
    model: PreTrainedModel, names: Sequence[str], begins: np.ndarray, seed: int
) -> PreTrainedModel:
    """The classifier with other outputs, each begun as that of the label which it had."""
    config = copy.deepcopy(model.config)
    config.id2label = dict(enumerate(names))
    config.label2id = {name: number for number, name in enumerate(names)}
    with seeded(seed):
        other = AutoModelForSequenceClassification.from_config(config)
    state, old = other.state_dict(), model.state_dict()
    begins = torch.from_numpy(np.asarray(begins))
    encoder = f"{model.base_model_prefix}."
    for name, tensor in old.items():
        outputs = not name.startswith(encoder) and tensor.shape[:1] == (model.config.num_labels,)
        state[name] = tensor[begins] if outputs else tensor
    other.load_state_dict(state)
    return other.eval()


def soft_axes(strategy: Mapping[str, Any]) -> tuple[float, float]:
    """A strategy's T and alpha."""
    return float(strategy.get("T", 1)), float(strategy.get("alpha", 1))


def objective(
    stage: Stage, part: Part, what: Taught | None, strategy: Mapping[str, Any], seed: int
) -> Objective:
    """What a model minimises: of each text its own task's outputs alone, where it has others."""
    domains = stage.domains
    domain = domains.domain[LEARNT]
    gold = own_places(part, domains.splits[LEARNT].labels, domain)
    labels = torch.from_numpy(gold).to(stage.device)
    if what is None:
        whole = hard_labels(labels)
    else:
        fused = in_places(part, what.fused, domain)
        T, alpha = soft_axes(strategy)
        whole = distillation(
            LOSS, T, alpha, labels, fused, np.empty((0,)), 0, seed, learnt=part.rows
        )
    places = torch.from_numpy(part.places[domain]).to(stage.device)

    def value(logits, inside, rows, progress):
        own = places[rows]
        mine = logits.gather(1, own.clamp(min=0)).masked_fill(own < 0, ABSENT)
        return whole.value(mine, inside, rows, progress)

    return whole._replace(value=value)


def _train(
    stage: Stage,
    model: PreTrainedModel,
    part: Part,
    what: Taught | None,
    strategy: Mapping[str, Any],
    seed: int,
    checkpoint: Checkpoint,
) -> _Model:
    tokens = stage.learner.tokens[LEARNT]
    parameters = sum(p.numel() for p in model.parameters())
    an_epoch = int(tokens.cpu_lengths[part.rows].sum())
    training = stage.training
    if what is None:
        training = _alone(stage, strategy, len(part.rows), an_epoch, parameters)
    outcome = train(
        model,
        tokens,
        objective(stage, part, what, strategy, seed),
        training,
        seed,
        checkpoint=checkpoint,
        rows=part.rows,
    )
    return _Model(outcome, training, parameters, an_epoch * training.epochs, 0.0)


def _alone(
    stage: Stage, strategy: Mapping[str, Any], rows: int, tokens: int, parameters: int
) -> Training:
    """The training of a student of gold labels: of as many steps as one that is taught by column,
    or of as much compute as its own and its teachers' trainings and their labels."""
    lengths = stage.learner.tokens[LEARNT].cpu_lengths
    if strategy.get("budget", "steps") == "steps":
        return with_epochs(stage.training, epochs_of_steps(stage.training, rows, len(lengths)))
    own = np.eye(len(stage.teachers))[stage.domains.domain[LEARNT]]
    wanted = spent(stage.teachers) + labelling(own, lengths, stage.teachers)
    wanted += float(lengths.sum()) * stage.training.epochs * parameters
    return with_epochs(stage.training, epochs_of_compute(wanted, tokens, parameters))


def _say(stage: Stage, model: PreTrainedModel, part: Part, split: str, into: np.ndarray) -> None:
    """Write a model's logits of a split's texts that it answers ``into`` those of all [N, C]."""
    domain = stage.domains.domain[split]
    mine = answered(part, domain)
    values = predict(model, stage.learner.tokens[split], mine)
    into[mine] = of_all_labels(part, values, domain[mine], into.shape[1])


def _facts(stage: Stage, models: Sequence[_Model], what: Taught | None) -> dict[str, Any]:
    """What the models cost that were trained: all of them, unless one diverged."""
    own = float(sum(one.tokens * one.parameters for one in models))
    taught_by = 0.0
    if what is not None:
        lengths = stage.learner.tokens[LEARNT].cpu_lengths
        taught_by = spent(stage.teachers) + labelling(what.weights, lengths, stage.teachers)
    texts = len(stage.domains.domain[REPORT])
    return {
        "training": [one.training.model_dump(mode="json") for one in models],
        "parameters": sum(one.parameters for one in models),
        "tokens": sum(one.tokens for one in models),
        "compute": own + taught_by,
        "seconds": round(sum(one.outcome.seconds for one in models), 3),
        "cpu_seconds": round(sum(one.outcome.cpu_seconds for one in models), 3),
        # Of a text's own model alone, so that models weigh as their texts do.
        "run_seconds": round(1000 * sum(one.said_seconds for one in models) / texts, 4),
    }


def _shares(
    stage: Stage,
    what: Taught,
    strategy: Mapping[str, Any],
    begun: np.ndarray,
    ended: np.ndarray,
) -> list[dict[str, Any]]:
    # A row's loss is of its own task's outputs alone, as in ``objective``; a part has every task's.
    domains, domain = stage.domains, stage.domains.domain[LEARNT]
    part = parts(strategy, domains)[0]
    gold = own_places(part, domains.splits[LEARNT].labels, domain)
    what = what._replace(fused=in_places(part, what.fused, domain))
    said = (in_places(part, logits, domain) for logits in (begun, ended))
    both = (shares(what, one, gold, *soft_axes(strategy)) for one in said)
    return [
        {"teacher": task, "rows": rows, "loss_start": first, "loss_end": last}
        for task, (rows, first), (_, last) in zip(domains.tasks, *both, strict=True)
    ]

"""How fast a suite's encoders train and predict here, and the hours that its study would take.

    python benchmarks/training_speed.py config/glue.yaml --tasks results/local/tasks --tokenizer DIR

The project's own loop over real token lengths, at the suite's batch sizes; weights are random, as
speed does not depend on them. `--tasks` holds prepared tasks named as in the suite, `--tokenizer` a
folder whose tokens stand in for those of every encoder.
"""

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
import transformers

from mtkd.config.load import load_suite
from mtkd.config.schema import Suite
from mtkd.distillation.device import device_name, peak_memory_mb, prepare_device
from mtkd.distillation.inference import predict
from mtkd.distillation.objective import hard_labels
from mtkd.distillation.training import train
from mtkd.models.tokenizers import load_tokenizer
from mtkd.tasks.batches import DeviceTokens
from mtkd.tasks.corpus import read_info, read_split
from mtkd.tasks.encoding import Encoded, encode

LARGE = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
}
# The published shapes; no weights are needed for a speed.
SHAPES = {
    "bert-large-uncased": transformers.BertConfig(**LARGE),
    "roberta-large": transformers.RobertaConfig(
        **LARGE, vocab_size=50265, max_position_embeddings=514, type_vocab_size=1
    ),
    "deberta-base": transformers.DebertaConfig(
        vocab_size=50265,
        relative_attention=True,
        position_biased_input=False,
        pos_att_type=["c2p", "p2c"],
        type_vocab_size=0,
    ),
    "distilbert-base-uncased": transformers.DistilBertConfig(),
}
# Examples that full GLUE trains on, before selection is carved from them.
TRAIN_ROWS = {"sst2": 67_349, "mnli": 392_702, "qqp": 363_846, "mrpc": 3_668}
WARM_STEPS, STEPS = 15, 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("suite", type=Path)
    parser.add_argument("--tasks", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=4)
    args = parser.parse_args()
    suite = load_suite(args.suite)
    device = prepare_device(args.threads, gpus=1, allow_cpu=True)
    print(f"{device_name(device)}, torch {torch.__version__}")
    total = {"teachers": 0.0, "students": 0.0}
    for task in suite.chosen_study.tasks:
        info = read_info(args.tasks / task)
        split = read_split(args.tasks / task, "train")
        encoded = encode(
            load_tokenizer(args.tokenizer, suite.tasks[task].max_length),
            split,
            suite.tasks[task].max_length,
        )
        for name in [*suite.teachers, suite.chosen_study.student]:
            row = measure(suite, name, task, encoded, len(info.labels), device)
            total["teachers" if name in suite.teachers else "students"] += row["hours"]
            print(json.dumps(row), flush=True)
    print(json.dumps({"study": suite.study_name, **{k: round(v, 2) for k, v in total.items()}}))


def measure(suite: Suite, name: str, task: str, encoded: Encoded, labels: int, device) -> dict:
    """Examples/s of one encoder on one task, and the study's hours of it at that speed."""
    student = name not in suite.teachers
    learner = suite.students[name] if student else suite.teachers[name]
    training = learner.training_for(task)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    config = SHAPES[name]
    config.num_labels = labels
    model = transformers.AutoModelForSequenceClassification.from_config(config).to(device)

    def tokens(steps: int) -> DeviceTokens:
        return DeviceTokens(first(encoded, steps * training.batch_size), 0, device)

    rows = max(WARM_STEPS, STEPS) * training.batch_size
    objective = hard_labels(torch.zeros(rows, dtype=torch.long, device=device))
    once = training.model_copy(update={"epochs": 1})
    train(model, tokens(WARM_STEPS), objective, once, seed=1)
    sample = tokens(STEPS)
    trained = train(model, sample, objective, once, seed=1).examples_per_second
    predict(model, tokens(WARM_STEPS))
    start = time.perf_counter()
    predict(model, sample)  # returns host arrays, so the device has finished
    predicted = len(sample.cpu_lengths) / (time.perf_counter() - start)
    study = suite.chosen_study
    distilled = sum(arm.strategy != "none" for arm in study.arms)
    plain = len(study.arms) - distilled
    runs = len(study.seeds) * (distilled * len(study.T) * len(study.alpha) + plain)
    runs = runs if student else 1
    seconds = TRAIN_ROWS[task] * (training.epochs / trained + (0 if student else 1 / predicted))
    return {
        "model": name,
        "task": task,
        "tokens": round(float(encoded.lengths.mean()), 1),
        "batch": training.batch_size,
        "trained_per_s": round(trained),
        "predicted_per_s": round(predicted),
        "peak_memory_mb": peak_memory_mb(device),
        "runs": runs,
        "minutes_a_run": round(seconds / 60, 2),
        "hours": seconds * runs / 3600,
    }


def first(encoded: Encoded, rows: int) -> Encoded:
    """The first ``rows`` examples, repeated where there are fewer."""
    have = len(encoded.lengths)
    if have < rows:
        times = math.ceil(rows / have)
        offsets = np.concatenate([[0], np.cumsum(np.tile(encoded.lengths, times))])
        encoded = Encoded(np.tile(encoded.tokens, times), np.tile(encoded.segments, times), offsets)
    end = int(encoded.offsets[rows])
    return Encoded(encoded.tokens[:end], encoded.segments[:end], encoded.offsets[: rows + 1])


if __name__ == "__main__":
    main()

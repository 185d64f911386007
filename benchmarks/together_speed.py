"""How long a step of a student of text takes when several are trained together.

    python benchmarks/together_speed.py [--configfile config/styles.yaml] [--student small]

The project's own trainings, of one student by itself and of so many as one, in turn: of each the
least and the median CPU milliseconds of a step of one student.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch
import transformers
import yaml

from mtkd.config.load import validate_suite
from mtkd.distillation.checkpoints import Checkpoint
from mtkd.distillation.device import prepare_device
from mtkd.generation.learner import (
    load_tokens,
    make_causal,
    settle_causal,
    train_on_pairs,
    train_on_pairs_together,
)
from mtkd.generation.styles import write, write_prompt
from mtkd.records.leases import claim_output

STEPS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--configfile", default="config/styles.yaml")
    parser.add_argument("--student", default="small")
    parser.add_argument("--styles", nargs="+", default=["right", "left"])
    parser.add_argument("--together", nargs="+", type=int, default=[1, 2, 4, 8])
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    suite = validate_suite(yaml.safe_load(Path(args.configfile).read_text()), args.configfile)
    student = suite.students[args.student]
    training = student.training.model_copy(update={"epochs": 1})
    device = prepare_device(1, int(torch.cuda.is_available()))
    source = settle_causal(student.model, None)
    tokenizer = load_tokens(source)
    numbers = range(10, 10 + STEPS * training.batch_size)
    prompts = [write_prompt(10 + n % 90, 10 + 7 * n % 90, 2) for n in numbers]
    texts = [(prompts, [write(style, one) for one in prompts]) for style in args.styles]

    def seconds(together: int) -> float:
        models = [make_causal(source, tokenizer, 1).to(device) for _ in range(max(1, together))]
        own = [texts[place % len(texts)] for place in range(len(models))]
        start = time.process_time()
        if together:
            with tempfile.TemporaryDirectory() as folder:
                state, output = Path(folder), Path(folder) / "generations.parquet"
                checkpoint = Checkpoint(state, output, "d", 0, claim_output(state, output))
                train_on_pairs_together(
                    models, tokenizer, own, training, 1, device, checkpoint, None
                )
        else:
            train_on_pairs(models[0], tokenizer, *own[0], training, 1, device)
        return time.process_time() - start

    kinds = [0, *args.together]
    found: dict[int, list[float]] = {kind: [] for kind in kinds}
    for _ in range(args.rounds + 1):
        for kind in kinds:
            found[kind].append(1000 * seconds(kind) / STEPS / max(1, kind))
    print(f"torch {torch.__version__}, transformers {transformers.__version__}, {device}")
    print("trained as one  CPU ms a step of one: least  median")
    for kind, times in found.items():
        # The first warms up.
        low, middle = min(times[1:]), statistics.median(times[1:])
        print(f"{kind or 'by itself':>14}  {low:34.1f}  {middle:6.1f}")


if __name__ == "__main__":
    main()

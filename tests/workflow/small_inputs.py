"""Unit-sized inputs made on the spot: model folders as the hub serves them, tables, whole suites.

Also how tests call the scripts and Snakemake. Model folders hold a masked language model of a
published type with that type's own tokenizer files, trained on generated text.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

REPOSITORY = Path(__file__).parents[2]
SCRIPTS = REPOSITORY / "workflow" / "scripts"

_SUBJECTS = ("film", "plot", "cast", "score", "scene", "story", "actor", "ending", "dialogue")
_VERBS = ("is", "seems", "looks", "feels", "sounds")
_WORDS = (
    ("bad", "dull", "weak", "poor", "stale"),
    ("odd", "plain", "usual", "common", "mixed"),
    ("good", "fine", "clever", "warm", "great"),
)
# Enough for every letter to be known, and for a merge or a word piece to be worth learning.
_CORPUS_SIZE = 400


def sentence(mood: int, rng: random.Random) -> str:
    """A sentence of a mood: 0 bad, 1 neither, 2 good."""
    subject, verb, word = map(rng.choice, (_SUBJECTS, _VERBS, _WORDS[mood]))
    return f"The {subject} {verb} {word}, No. {rng.randrange(10_000)}."


def corpus() -> list[str]:
    """Sentences of every mood, the same at each call."""
    rng = random.Random(0)
    return [sentence(number % 3, rng) for number in range(_CORPUS_SIZE)]


# The default leaves the logits of so small a model all but constant.
_INITIAL = {"initializer_range": 0.5}
_BERT_SIZES = {
    **_INITIAL,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}
# By model type: its configuration class, what differs from that class's defaults, and the special
# tokens of its tokenizer in the order of their ids.
_TYPES: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "bert": (
        "BertConfig",
        {**_BERT_SIZES, "max_position_embeddings": 130},
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
    ),
    "distilbert": (
        "DistilBertConfig",
        {
            **_INITIAL,
            "dim": 16,
            "n_layers": 1,
            "n_heads": 2,
            "hidden_dim": 32,
            "max_position_embeddings": 130,
        },
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
    ),
    "roberta": (
        "RobertaConfig",
        # Positions begin behind the padding id.
        {**_BERT_SIZES, "max_position_embeddings": 132, "type_vocab_size": 1},
        ["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
    ),
    "deberta": (
        "DebertaConfig",
        {
            **_BERT_SIZES,
            "max_position_embeddings": 130,
            "type_vocab_size": 0,
            "relative_attention": True,
            "position_biased_input": False,
            "pos_att_type": "c2p|p2c",
        },
        ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"],
    ),
    # Version 3 of it on the hub: ids of a sentencepiece file, with [MASK] behind them.
    "deberta-v2": (
        "DebertaV2Config",
        {
            **_BERT_SIZES,
            "max_position_embeddings": 130,
            "type_vocab_size": 0,
            "relative_attention": True,
            "position_buckets": 32,
            "norm_rel_ebd": "layer_norm",
            "share_att_key": True,
            "position_biased_input": False,
            "pos_att_type": "p2c|c2p",
        },
        ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"],
    ),
    "modernbert": (
        "ModernBertConfig",
        {**_BERT_SIZES, "initializer_range": 0.2, "max_position_embeddings": 130,
         "local_attention": 16},
        ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
    ),
}  # fmt: skip


def write_tokenizer(folder: Path, model_type: str) -> int:
    """Write the vocabulary files of a model type's tokenizer; returns the vocabulary's size.

    BERT's and DistilBERT's is ``vocab.txt``, RoBERTa's and DeBERTa's ``vocab.json`` and
    ``merges.txt``, DeBERTa-v3's ``spm.model``, ModernBERT's ``tokenizer.json``. The types'
    vocabularies differ in size.
    """
    from tokenizers import BertWordPieceTokenizer, ByteLevelBPETokenizer

    folder.mkdir(parents=True, exist_ok=True)
    place = list(_TYPES).index(model_type)
    if model_type == "deberta-v2":
        return _write_sentencepiece(folder, 120)
    if model_type == "modernbert":
        return _write_fast_tokenizer(folder, 300 + 20 * place)
    options = {
        "special_tokens": _TYPES[model_type][2],
        "show_progress": False,
        "min_frequency": 2,
    }
    if model_type in ("bert", "distilbert"):
        tokenizer = BertWordPieceTokenizer(lowercase=True)
        tokenizer.train_from_iterator(corpus(), vocab_size=150 + 20 * place, **options)
        config = {"do_lower_case": True, "model_max_length": 512}
    else:
        tokenizer = ByteLevelBPETokenizer()
        tokenizer.train_from_iterator(corpus(), vocab_size=300 + 20 * place, **options)
        config = {"model_max_length": 512}
    tokenizer.save_model(str(folder))
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return tokenizer.get_vocab_size()


def _write_sentencepiece(folder: Path, size: int) -> int:
    import sentencepiece

    roles = {"pad": "[PAD]", "bos": "[CLS]", "eos": "[SEP]", "unk": "[UNK]"}
    ids = {f"{role}_id": number for number, role in enumerate(roles)}
    pieces = {f"{role}_piece": piece for role, piece in roles.items()}
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(corpus()), model_prefix=str(folder / "spm"), vocab_size=size,
        minloglevel=2, **ids, **pieces,
    )  # fmt: skip
    (folder / "spm.vocab").unlink()
    config = {"do_lower_case": False, "vocab_type": "spm", "model_max_length": 512}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return size + 1


def _write_fast_tokenizer(folder: Path, size: int) -> int:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    special = _TYPES["modernbert"][2]
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=special, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    backend.train_from_iterator(corpus(), trainer)
    ends = [(token, backend.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=ends
    )
    roles = {f"{role}_token": f"[{role.upper()}]" for role in ("pad", "unk", "cls", "sep", "mask")}
    PreTrainedTokenizerFast(tokenizer_object=backend, **roles).save_pretrained(folder)
    return backend.get_vocab_size()


def write_model(folder: Path, model_type: str) -> None:
    """Write a tiny masked language model: configuration, safetensors weights, tokenizer."""
    import torch
    import transformers

    config_class, sizes, special = _TYPES[model_type]
    ids = {f"{name}_token_id": special.index(token) for name, token in _roles(special).items()}
    size = write_tokenizer(folder, model_type)
    config = getattr(transformers, config_class)(vocab_size=size, **sizes, **ids)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        transformers.AutoModelForMaskedLM.from_config(config).save_pretrained(folder)


def _roles(special: list[str]) -> dict[str, str]:
    roberta = {"pad": "<pad>", "bos": "<s>", "eos": "</s>"}
    return roberta if "<s>" in special else {"pad": "[PAD]"}


_TWO_TEXTS = {
    "mnli": ("premise", "hypothesis"),
    "qqp": ("question1", "question2"),
    "mrpc": ("sentence1", "sentence2"),
}


def glue_table(task: str, rows: int, seed: int) -> pd.DataFrame:
    """A table with the columns and label integers of a GLUE task.

    ``sst2``: sentence; ``mnli``: three hypotheses for each premise, entailment 0, neutral 1,
    contradiction 2; ``qqp`` and ``mrpc``: 1 where both texts say the same.
    """
    rng = random.Random(f"{task} {seed}")
    if task == "sst2":
        labels = [row % 2 for row in range(rows)]
        columns = {"sentence": [sentence(2 * label, rng) for label in labels]}
    elif task == "mnli":
        labels = [row % 3 for row in range(rows)]
        premises = [sentence(2, rng) for _ in range(0, rows, 3)]
        columns = {
            "premise": [premises[row // 3] for row in range(rows)],
            "hypothesis": [sentence(2 - label, rng) for label in labels],
        }
    else:
        labels = [row % 2 for row in range(rows)]
        moods = [rng.choice([0, 2]) for _ in range(rows)]
        others = [mood if same else 2 - mood for mood, same in zip(moods, labels, strict=True)]
        first, second = _TWO_TEXTS[task]
        columns = {
            first: [sentence(mood, rng) for mood in moods],
            second: [sentence(mood, rng) for mood in others],
        }
    return pd.DataFrame({**columns, "label": labels, "idx": range(rows)})


def small_glue(folder: Path) -> dict[str, Any]:
    """``config/glue.yaml`` at unit size, with its models and tables, written under ``folder``.

    Every hub model is a folder of the same model type, every hub dataset a parquet file a split;
    few epochs, no GPU, two seeds for study ``main``. Arms, T and alpha, labels, text columns,
    metrics and grouping stay those of the file.
    """
    suite = yaml.safe_load((REPOSITORY / "config" / "glue.yaml").read_text(encoding="utf-8"))
    for name, task in suite["tasks"].items():
        del task["hub"]
        for number, (split, wanted) in enumerate(task["splits"].items()):
            path = folder / "tables" / name / f"{wanted}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            glue_table(name, 72 if split == "train" else 36, number).to_parquet(path)
            task["splits"][split] = str(path)
        # The file's fractions would leave the gate a handful of these rows.
        task["selection"]["fraction"] = 0.25
    for learner in [*suite["teachers"].values(), *suite["students"].values()]:
        name = learner["model"]["hub"].split("/")[1]
        learner["model"] = {"folder": str(folder / "models" / name)}
        write_model(folder / "models" / name, name.split("-")[0])
        # Fractions of a second, and yet no two arms end alike.
        learner["training"] |= {"epochs": 2, "batch_size": 8, "learning_rate": 3.0e-3}
        learner["per_task"] = {}
        learner["resources"] = {"gpu": 0}
    suite["figures"] = {"dpi": 50}
    suite["studies"] = deepcopy(suite["studies"])
    suite["studies"]["main"]["seeds"] = [1, 2]
    return suite


def write_suite(path: Path, suite: dict[str, Any]) -> Path:
    """Write a suite file."""
    path.write_text(yaml.safe_dump(suite, sort_keys=False), encoding="utf-8")
    return path


def run_script(
    script: str, environment: Mapping[str, str] | None = None, /, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a script of the workflow without Snakemake; ``environment`` holds further variables.

    Options are spelt as keywords: a dict becomes JSON, a list several values.
    """
    # Not of those who only make inputs, with this folder alone on their path.
    import warm

    arguments = []
    for option, value in options.items():
        arguments.append(f"--{option.replace('_', '-')}")
        values = value if isinstance(value, list) else [value]
        arguments += [json.dumps(v) if isinstance(v, dict) else str(v) for v in values]
    return subprocess.run(
        [warm.python(), str(SCRIPTS / script), *arguments],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": str(REPOSITORY / "src"),
            "HF_HUB_OFFLINE": "1",
            **(environment or {}),
        },
        check=False,
    )


def run_snakemake(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run Snakemake on the project's job graph, with its results under ``folder``."""
    import warm
    from tiny_study import CHECKOUT

    checkout = Path(os.environ[CHECKOUT])
    return subprocess.run(
        [
            warm.python(),
            "-m",
            "snakemake",
            "--snakefile",
            str(checkout / "Snakefile"),
            "--directory",
            str(folder),
            *map(str, arguments),
        ],
        # A profile and config/ are looked for here.
        cwd=checkout,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def run(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a study whose ``suite.yaml`` is in ``folder``."""
    return run_snakemake(folder, *arguments, "--configfile", folder / "suite.yaml", "--cores", 2)


def planned(folder: Path, *arguments: object) -> dict[str, int]:
    """Jobs by rule of a dry run of such a study, and their total."""
    result = run(folder, *arguments, "--dry-run", "--quiet", "rules")
    assert result.returncode == 0, result.stdout
    jobs = re.findall(r"^(\w+) +(\d+)$", result.stdout, flags=re.MULTILINE)
    return {rule: int(count) for rule, count in jobs}

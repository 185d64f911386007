"""Two tasks of some hundred generated rows, in a copy of the project, to run for real."""

import csv
import fcntl
import random
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import warm
import yaml

ROOT = Path(__file__).parents[1]
PARTS = ("Snakefile", "rules", "workflow", "src", "config", "profiles", "envs", "report")
SUITE_FILE = "config/tiny.yaml"
# Where a session's copy of the project lies that draws and searches less, for studies elsewhere.
CHECKOUT = "MTKD_TEST_CHECKOUT"

SUITE = """
suite: tiny
tasks:
  reviews:
    splits: {train: corpus/reviews_train.csv, report: corpus/reviews_report.csv}
    text: [text]
    id: id
    labels: [bad, good]
    metrics: [accuracy]
    selection: {fraction: 0.3}
    max_length: 12
  pairs:
    splits: {train: corpus/pairs_train.csv, report: corpus/pairs_report.csv}
    text: [left, right]
    labels: [left, right, both]
    metrics: [accuracy, macro_f1]
    selection: {fraction: 0.3}
    max_length: 24
teachers:
  cnn:
    model:
      architecture: text-cnn
      config: {embedding_size: 12, filters: 6}
      tokenizer: {kind: word}
    training: {epochs: 2, learning_rate: 1.0e-2}
  bert:
    model:
      architecture: bert
      config:
        hidden_size: 16
        intermediate_size: 32
        num_hidden_layers: 1
        num_attention_heads: 2
        max_position_embeddings: 32
      tokenizer: {kind: wordpiece, vocab_size: 200}
    training: {epochs: 2, learning_rate: 5.0e-3}
students:
  distilbert:
    model:
      architecture: distilbert
      config: {dim: 16, hidden_dim: 32, n_layers: 1, n_heads: 2, max_position_embeddings: 32}
      tokenizer: {kind: wordpiece, vocab_size: 200}
    training: {epochs: 2, batch_size: 16, learning_rate: 5.0e-3}
studies:
  main:
    student: distilbert
    tasks: [reviews]
    arms: &arms
      - {strategy: none}
      - {strategy: single, teachers: [cnn]}
      - {strategy: single, teachers: [bert]}
      - {strategy: average, teachers: [cnn, bert]}
      - {strategy: weighted, teachers: [cnn, bert]}
      - {strategy: best-per-sample, teachers: [cnn, bert]}
      - {strategy: gating, teachers: [cnn, bert]}
    T: [4]
    alpha: [0.7]
    seeds: [1, 2]
  grid:
    student: distilbert
    tasks: [reviews]
    arms: *arms
    T: [2, 4, 8]
    alpha: [0.5, 0.7]
    seeds: [1, 2]
  pairs:
    student: distilbert
    tasks: [pairs]
    arms:
      - {strategy: none}
      - {strategy: single, teachers: [bert]}
    T: [4]
    alpha: [0.7]
    seeds: [1]
bundle: [T, alpha, seed]
figures: {dpi: 50}
"""


# How a copy leaves text out of a figure, and makes a PDF of the PNG beside it.
WITHOUT_TEXT = (
    "import matplotlib.text; "
    "[each.set_visible(False) for each in figure.findobj(matplotlib.text.Text)]"
)
PICTURE = (
    "import PIL.Image; picture = PIL.Image.open(f'{stem}.png').convert('RGB'); "
    "save = partial(picture.save, format='pdf', creationDate=None, modDate=None)"
)


def copy_project(folder: Path) -> Path:
    """The project's working files, made to draw and to time faster; its data, by a link."""
    subprocess.run(["cp", "-a", *(ROOT / part for part in PARTS), folder], check=True)
    (folder / "data").symlink_to(ROOT / "data")
    # No text nor room for it, and PDFs that are pictures: to lay out and draw text, to draw twice
    # and to cut fonts down to what is used is nine tenths of drawing. What text there is, that
    # nothing is cut off, and what PDFs are, is seen in the figures' own tests.
    rewrite(
        folder / "src/mtkd/figures/style.py",
        {
            r'layout="constrained"': "layout=None",
            r"( +)(for extension, metadata in)": rf"\1{WITHOUT_TEXT}\n\1\2",
            r"( +)(with rc_context\(RC\):)": rf"\1if extension == 'pdf':\n\1    {PICTURE}\n\1\2",
        },
    )
    rewrite(
        folder / "src/mtkd/costs/measure.py",
        {r"SECONDS, (\w+, \w+) = [\d.]+": r"SECONDS, \1 = 0.02"},
    )
    return folder


def copy_folder(source: Path, folder: Path) -> Path:
    """A copy of a finished folder, with its time stamps."""
    subprocess.run(["cp", "-a", source, folder], check=True)
    return folder


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """A folder that the first worker that asks for it makes, while others that do wait for it."""
    with open(f"{folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            make(part := folder.with_suffix(".part"))
            part.rename(folder)
    return folder


def search_less(folder: Path) -> None:
    """Certificates of operators from a hundredth of the search; few simulations and steps."""
    rewrite(
        folder / "src/mtkd/framework/certificates.py",
        {
            r"tries: int = \d+": "tries: int = 100",
            r"CLIMBERS, CLIMBS = \d+, \d+": "CLIMBERS, CLIMBS = 2, 1",
            r"SHAPES = .*": "SHAPES = ((2, 2), (3, 3))",
        },
    )
    rewrite(
        folder / "src/mtkd/framework/pooling.py",
        {
            r"EXAMPLES, DRAWS, REPLICATIONS = .*": "EXAMPLES, DRAWS, REPLICATIONS = 4, 20, 2",
            r"BOOTSTRAPS = \d+": "BOOTSTRAPS = 50",
        },
    )
    rewrite(
        folder / "src/mtkd/framework/objectives.py", {r"STEPS = .*": "STEPS = (0, 1, 2, 5, 20)"}
    )


def rewrite(source: Path, changes: dict[str, str]) -> None:
    """Replace what matches in a copy's source file, each once."""
    text = source.read_text(encoding="utf-8")
    for pattern, new in changes.items():
        text, count = re.subn(pattern, new, text)
        assert count == 1, pattern
    source.write_text(text, encoding="utf-8")


def write_tiny_suite(folder: Path) -> None:
    """The suite file and its two corpora."""
    (folder / SUITE_FILE).write_text(SUITE)
    (folder / "corpus").mkdir()
    words = random.Random(0)
    for split, rows in (("train", 100), ("report", 45)):
        _write_rows(folder, f"reviews_{split}", ["id", "text", "label"], _reviews(words, rows))
        _write_rows(folder, f"pairs_{split}", ["left", "right", "label"], _pairs(words, rows))


def _write_rows(folder, name, header, rows):
    with open(folder / f"corpus/{name}.csv", "w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def _text(words: random.Random, mood: str) -> str:
    said = {"good": ["fine", "lovely", "great"], "bad": ["poor", "dull", "awful"]}[mood]
    filler = words.choices([f"thing{number}" for number in range(30)], k=5)
    return " ".join([*filler[:3], words.choice(said), *filler[3:]])


def _reviews(words, rows):
    for row in range(rows):
        mood = ("bad", "good")[row % 2]
        yield f"r{row}", _text(words, mood), mood


def _pairs(words, rows):
    moods = {"left": ("good", "bad"), "right": ("bad", "good"), "both": ("good", "good")}
    for row in range(rows):
        label = list(moods)[row % 3]
        yield *(_text(words, mood) for mood in moods[label]), label


def snakemake(folder: Path, *arguments: str, suite: str | None = SUITE_FILE, cores: int = 2):
    """A finished Snakemake call in ``folder``; its ``stdout`` holds all that was printed."""
    return subprocess.run(
        command(*arguments, suite=suite, cores=cores),
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def command(*arguments: str, suite: str | None = SUITE_FILE, cores: int = 2) -> list[str]:
    """Command line of a Snakemake call; without ``suite``, of the Snakefile's default suite.

    ``arguments`` are targets, then options.
    """
    options = ["--configfile", suite] if suite else []
    return [warm.python(), "-m", "snakemake", *arguments, *options, "--cores", str(cores)]


def planned(folder: Path, *arguments: str, suite: str | None = SUITE_FILE) -> dict[str, int]:
    """Jobs by rule that a call would run, without the target that only collects."""
    result = snakemake(folder, *arguments, "--dry-run", suite=suite)
    assert result.returncode == 0, result.stdout
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", result.stdout, flags=re.MULTILINE))
    jobs.pop("total", None)
    jobs.pop("all", None)
    return {rule: int(count) for rule, count in jobs.items()}


def assert_nothing_left(run: Callable, *arguments, **options) -> None:
    """What was just run, by ``run`` with these arguments, is done: a dry run of it plans no job.

    An output that is older than an input, or that nobody declares, would be made at each call.
    """
    result = run(*arguments, "--dry-run", **options)
    assert result.returncode == 0 and "Nothing to be done" in result.stdout, result.stdout


def change_suite(folder: Path, key: str, value, suite: str = SUITE_FILE) -> None:
    """Set a key of the suite file, given as ``tasks.reviews.metrics``."""
    content = yaml.safe_load((folder / suite).read_text())
    *parents, last = key.split(".")
    place = content
    for parent in parents:
        place = place.setdefault(parent, {})
    place[last] = value
    (folder / suite).write_text(yaml.safe_dump(content, sort_keys=False))

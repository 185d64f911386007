"""Scores against scikit-learn, their refusals, and loading without network or home folder."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, f1_score

from mtkd.errors import InputError
from mtkd.metrics.names import METRICS_FOLDER, metric_names
from mtkd.metrics.scores import score

LOGITS = np.array([[2.0, 1.0], [0.0, 1.0], [0.0, 3.0], [1.0, 0.0]])  # predicts 0 1 1 0


def test_scores_by_hand():
    scores = score(LOGITS, np.array([0, 1, 0, 1]), ["accuracy", "f1", "macro_f1"])
    assert scores == {"accuracy": 0.5, "f1": 0.5, "macro_f1": 0.5}
    assert score(LOGITS, np.array([1, 1, 1, 1]), ["f1"]) == {"f1": pytest.approx(2 / 3)}
    assert all(type(value) is float for value in scores.values())


@settings(max_examples=40)
@given(st.integers(2, 4), st.integers(1, 30), st.randoms(use_true_random=False))
def test_scores_agree_with_scikit_learn(classes, n, random):
    logits = np.array([[random.random() for _ in range(classes)] for _ in range(n)])
    labels = np.array([random.randrange(classes) for _ in range(n)])
    predictions = logits.argmax(axis=1)
    names = ["accuracy", "macro_f1", *(["f1"] if classes == 2 else [])]
    scores = score(logits, labels, names)
    assert scores["accuracy"] == pytest.approx(accuracy_score(labels, predictions))
    macro = f1_score(labels, predictions, average="macro", zero_division=0)
    assert scores["macro_f1"] == pytest.approx(macro)
    if classes == 2:
        f1 = f1_score(labels, predictions, zero_division=0)
        assert scores["f1"] == pytest.approx(f1)


def test_f1_of_a_class_that_is_nowhere_is_zero():
    assert score(LOGITS[[0, 3]], np.array([0, 0]), ["f1"]) == {"f1": 0.0}


@pytest.mark.parametrize(
    ("logits", "labels", "metric", "message"),
    [
        (LOGITS * [1, np.nan], [0, 1, 0, 1], "accuracy", "4 of 4 examples are NaN or infinite"),
        (np.r_[LOGITS[:3], [[1, -np.inf]]], [0, 1, 0, 1], "accuracy", "first at row 3"),
        (LOGITS[:, :1], [0, 0, 0, 0], "accuracy", r"shape \[4, 1\]"),
        (LOGITS[0], [0, 1], "accuracy", r"shape \[2\]"),
        (LOGITS[:0], [], "accuracy", r"shape \[0, 2\]"),
        (LOGITS, [0, 1, 0], "accuracy", r"labels have shape \[3\] but logits \[4, 2\]"),
        (LOGITS, [0, 1, 2, 0], "accuracy", r"label 2 at row 2 is outside 0\.\.1"),
        (LOGITS, [0, -1, 0, 0], "accuracy", "label -1 at row 1"),
        (LOGITS, [0.0, 1.0, 0.0, 0.0], "accuracy", "labels are float64"),
        (LOGITS, [0, 1, 0, 1], "rouge", "unknown metric 'rouge'; known: accuracy, auroc, b"),
        (np.eye(3), [0, 1, 2], "f1", "'f1' is for 2 labels, not 3"),
    ],
)
def test_bad_input_is_refused_in_one_line(logits, labels, metric, message):
    with pytest.raises(InputError, match=message) as refused:
        score(logits, np.array(labels), [metric])
    assert "\n" not in str(refused.value)


def test_metric_names_are_the_folders_and_cost_no_import():
    assert metric_names() == tuple(sorted(path.name for path in METRICS_FOLDER.iterdir()))
    assert all((METRICS_FOLDER / name / f"{name}.py").is_file() for name in metric_names())
    code = "import mtkd.metrics.names, sys; assert 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


SCORE = """
import socket, sys
def refuse(*args, **kwargs): raise AssertionError("network")
socket.socket.connect = socket.getaddrinfo = refuse
import numpy as np
from mtkd.metrics.scores import score
print(score(np.eye(3), np.array([0, 1, 1]), ["accuracy", "macro_f1"]))
"""


def start(code: str, **environment: str) -> subprocess.Popen:
    """A Python process with little in its environment; a home there cannot be created."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    kept |= {"HOME": "/proc/no-such-home", "PYTHONPATH": os.pathsep.join(sys.path)} | environment
    return subprocess.Popen(
        [sys.executable, "-c", code], env=kept, stdout=subprocess.PIPE, text=True
    )


def test_processes_score_at_once_offline_without_a_home_and_leave_nothing(tmp_path):
    """Transformers, here a stand-in, is not loaded: it stays if it was, or can be afterwards."""
    (tmp_path / "transformers").mkdir()
    (tmp_path / "transformers" / "__init__.py").write_text(
        "__version__ = '5.0.0'\nclass PreTrainedTokenizerBase: pass\n"  # datasets asks for it
    )
    stand_in = f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
    after = "assert 'transformers' not in sys.modules; import transformers; "
    started = [
        start(stand_in + code, TMPDIR=str(tmp_path), **offline)
        for code, offline in (
            (SCORE + after + "assert transformers.__version__ == '5.0.0'\n", {}),
            (
                "import transformers\n" + SCORE + "assert sys.modules['transformers']\n",
                {"HF_HUB_OFFLINE": "1"},
            ),
        )
    ]
    outputs = [process.communicate()[0] for process in started]
    assert [process.returncode for process in started] == [0, 0]
    assert all("'accuracy': 0.6666666666666666" in output for output in outputs)
    assert list(tmp_path.glob("mtkd-*")) == []

"""Cells of a job: restored where they are kept, else trained; what an orphan may not do."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mtkd.distillation import group as classifiers
from mtkd.errors import InputError
from mtkd.generation import students as writers
from mtkd.generation import teachers as traces
from mtkd.generation.mixtures import Written
from mtkd.generation.prompts import write_task
from mtkd.records.cells import GENERATIONS, PREDICTIONS, cells_of, publish_cells
from mtkd.records.files import write_text
from mtkd.records.leases import claim_output
from mtkd.specialists import students as integrated

MACHINE = classifiers.Machine(1, 0, False, 0)
NAMES = ("run.json", "out.txt")


@pytest.fixture(autouse=True)
def _inside(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def outputs(*names):
    return [Path(f"results/tiny/cells/{name}/out.txt") for name in names]


def parse(path):
    return {"suite": "tiny", "name": path.parent.name}


def trainer(names=NAMES, during=lambda cell: None, done=None):
    """What trains cells: writes their files, and notes which of them are kept as it goes on."""

    def train(claim, waiting, folder):
        for cell in waiting:
            for name in names:
                write_text(folder / cell.digest / name, f"{cell.axes}")
            during(cell)
            yield cell, folder / cell.digest
            if done is not None:
                done.append(cell.axes["name"])

    return train


def publish(wanted, train):
    cells = cells_of("cell", wanted, parse, lambda axes: {"axes": dict(axes)})
    publish_cells(Path("state"), wanted[0], NAMES, cells, train)


def test_a_cell_is_trained_once_and_then_restored(capsys):
    done = []
    publish(outputs("a"), trainer(done=done))
    outputs("a")[0].unlink()
    publish(outputs("a", "b"), trainer(done=done))
    assert done == ["a", "b"]
    assert [path.read_text() for path in outputs("a", "b")] == ["{'name': 'a'}", "{'name': 'b'}"]
    said = capsys.readouterr().err
    assert said.count("restored") == 1 and said.count("trained in") == 2
    assert "cell 1/2  results/tiny/cells/a  restored" in said
    assert len(list(Path("state/cells").iterdir())) == 2
    assert not list(Path("state/claims").iterdir())


def test_a_killed_job_has_kept_what_it_had_trained():
    def killed(cell):
        if cell.axes["name"] == "b":
            raise KeyboardInterrupt

    done = []
    with pytest.raises(KeyboardInterrupt):
        publish(outputs("a", "b"), trainer(during=killed, done=done))
    assert done == ["a"] and outputs("a")[0].is_file() and not outputs("b")[0].exists()
    assert [path.name for path in Path("state/cells").iterdir() if path.name.startswith(".")] == []


def classifier(output):
    job = {
        "settings": {"model": {"architecture": "bert"}},
        "recipes": {"none": {"fusion": None, "engine": "single", "loss": None}},
    }
    info = SimpleNamespace(digest="d")
    group = classifiers.Group(
        job, Path("t"), info, None, [], {}, None, Path("state"), [output], False
    )
    classifiers.train_group(group, MACHINE)


def writer(output):
    write_task(Path("t"), {}, {"transfer": [("1+1=", "02")], "report": [("1+2=", "03")]})
    job = {"settings": {"model": {"architecture": "gpt2"}}, "strategies": {"plain": {}}}
    group = writers.Writers(job, Path("t"), [], None, Path("state"), [output])
    writers.train_writers(group, MACHINE)


def integrated_student(output):
    job = {"settings": {"model": {"architecture": "bert"}}, "strategies": {"s": {"fusion": "none"}}}
    group = integrated.Students(
        job, [], Path("base"), [], Path("router"), None, Path("state"), [output]
    )
    integrated.train_students(group, MACHINE)


KINDS = {
    "classifier": (classifiers, classifier, "students/m/t/none/none/TNA_aNA/seed1", PREDICTIONS),
    "writer": (writers, writer, "generators/m/t/right/plain/n1/seed1", GENERATIONS),
    "integrated": (integrated, integrated_student, "specialist_students/m/s/seed1", PREDICTIONS),
}


@pytest.fixture(params=KINDS)
def kind(request, monkeypatch):
    """What trains a student of a kind, its training and its inputs made up, and its output."""
    module, run, folder, name = KINDS[request.param]
    rows = pd.DataFrame({"id": ["transfer-0"], "response": ["1+1=02;02"]})
    patched = {"read_written": lambda paths, task: {"right": Written(rows, "right")}}
    domains = SimpleNamespace(info=SimpleNamespace(digest="d"))
    patched["read_domains"] = lambda tasks: domains
    patched["read_specialists"] = lambda paths, on: SimpleNamespace(records=[])
    patched["read_tensors"] = lambda path: ({integrated.LEARNT: np.zeros(1)}, {})
    for function, instead in patched.items():
        if hasattr(module, function):
            monkeypatch.setattr(module, function, instead)
    output = Path(f"results/tiny/{folder}/{name}")

    def trained(during=lambda cell: None):
        names = ["run.json", "history.jsonl", "mixture.parquet", name]
        monkeypatch.setattr(module, "_trained", lambda *given: trainer(names, during)(*given[-3:]))
        run(output)

    return trained, output


def test_students_of_every_kind_are_kept_where_checks_look(kind):
    trained, output = kind
    trained()
    (kept,) = Path("state/cells").iterdir()
    assert (kept / output.name).samefile(output) and not list(Path("state/claims").iterdir())


def test_an_orphan_of_every_kind_keeps_and_publishes_nothing(kind):
    trained, output = kind
    with pytest.raises(InputError, match="another run took this over"):
        trained(lambda cell: claim_output(Path("state"), output))
    assert not output.exists() and not list(Path("state/cells").iterdir())


def test_an_orphan_of_a_teacher_publishes_no_traces(monkeypatch):
    write_task(Path("t"), {}, {"transfer": [("01+01=", "002")], "report": [("01+02=", "003")]})
    output = Path("results/tiny/traces/t/right/seed1/traces.parquet")
    job = {"settings": {"teacher": {"style": "right"}}, "code": {}}

    def program(*_):
        claim_output(Path("state"), output)
        return ["1+1=02,0+0=00;002"]

    arguments = (job, {}, Path("t"), "right", "1", None, Path("state"), MACHINE, None, output)
    with monkeypatch.context() as patch:
        patch.setattr(traces, "program_traces", program)
        with pytest.raises(InputError, match="another run took this over"):
            traces.write_traces(*arguments)
    assert not output.parent.exists()
    traces.write_traces(*arguments)
    assert json.loads((output.parent / "run.json").read_text())["rows"] == 1

"""Fetching from a stand-in hub: pinned, resumed, checked, refused in one line; then offline.

The scripts and rules run as a user's would, with HF_ENDPOINT at a server on the loopback interface.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
import warm
from hub_server import Hub
from huggingface_hub import snapshot_download
from small_inputs import (
    REPOSITORY,
    SCRIPTS,
    glue_table,
    run_script,
    run_snakemake,
    write_model,
    write_suite,
)
from tiny_study import assert_nothing_left, snakemake, write_tiny_suite
from tiny_writers import TEMPLATE, problems, write_writer

from mtkd.config.load import validate_suite
from mtkd.errors import InputError
from mtkd.hub.files import Listed, Repository, fetch_files
from mtkd.records.files import read_json

OLD, NEW, ABSENT = "a" * 40, "b" * 40, "c" * 40
WEIGHTS = "model.safetensors"
SIZE = 3_000_000
TOKEN = "hf_thistokenisnobodys"
CARD = """---
configs:
- config_name: moods
  data_files:
  - {split: train, path: moods/train-*}
  - {split: validation, path: moods/validation-*}
- config_name: other
  data_files:
  - {split: train, path: other/train-*}
---
"""

SUMS = """---
configs:
- config_name: main
  data_files:
  - {split: train, path: main/train-*}
  - {split: test, path: main/test-*}
---
"""


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """The stand-in hub, to which every process that a test starts is sent, with a cache of its own.

    It has two commits of a model that differ in their weights, and two of a dataset.
    """
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_CACHE", "HF_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    # Who is offline here is so because the project says so.
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    with Hub() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.endpoint)
        for number, commit in enumerate((OLD, NEW)):
            folder = tmp_path / "served" / commit
            (folder / "onnx").mkdir(parents=True)
            (folder / "config.json").write_text('{"model_type": "bert"}')
            (folder / "vocab.txt").write_text("[PAD]\n")
            (folder / "pytorch_model.bin").write_bytes(b"a pickle")
            (folder / "onnx" / WEIGHTS).write_bytes(b"other weights")
            (folder / WEIGHTS).write_bytes(np.random.default_rng(number).bytes(SIZE))
            server.add("model", "unit/bert", folder, commit)
        for number, commit in enumerate((OLD, NEW)):
            folder = tmp_path / "served" / f"dataset-{commit}"
            write_dataset(folder, 10 * number)
            server.add("dataset", "unit/moods", folder, commit)
        yield server


def write_dataset(folder: Path, seed: int) -> None:
    """Write a dataset as the hub has it: a card with two subsets, parquet files a split."""
    for file, rows, number in (
        ("moods/train-00000-of-00002", 60, 0),
        ("moods/train-00001-of-00002", 40, 1),
        ("moods/validation-00000-of-00001", 40, 2),
        ("other/train-00000-of-00001", 4, 3),
    ):
        path = folder / f"{file}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        glue_table("sst2", rows, seed + number).to_parquet(path)
    (folder / "README.md").write_text(CARD)


def model_options(tmp_path, revision=OLD, name="unit/bert"):
    output = tmp_path / "record.json"
    job = {"settings": {"name": name, "revision": revision}}
    return {"key": "teachers.bert.model", "job": json.dumps(job), "output": output}


def fetch_model(tmp_path, revision=OLD, name="unit/bert"):
    return run_script(
        "fetch_model.py", {"HF_HUB_OFFLINE": "0"}, **model_options(tmp_path, revision, name)
    )


def start_fetching(tmp_path, python=sys.executable, **more):
    """Start ``fetch_model`` without waiting for it."""
    options = model_options(tmp_path)
    arguments = [part for key, value in options.items() for part in (f"--{key}", str(value))]
    return subprocess.Popen(
        [python, str(SCRIPTS / "fetch_model.py"), *arguments],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "src"), "HF_HUB_OFFLINE": "0"},
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def fetch_dataset(tmp_path, split="train", **hub):
    return run_script(
        "fetch_dataset.py",
        {"HF_HUB_OFFLINE": "0"},
        key="tasks.moods.hub",
        job={
            "settings": {
                "hub": {"name": "unit/moods", "subset": "moods", "revision": OLD, **hub},
                "splits": {"train": split},
            }
        },
        split="train",
        record=tmp_path / "record.json",
        output=tmp_path / "train.parquet",
    )


def succeeded(result):
    assert result.returncode == 0, result.stderr


def refused(result, *words):
    """One line that begins with the suite's key and holds these words; returns it."""
    assert result.returncode == 1, result.stderr
    assert "Traceback" not in result.stderr
    last = result.stderr.splitlines()[-1]
    assert [line for line in result.stderr.splitlines() if line.startswith("error: ")] == [last]
    assert last.startswith(("error: teachers.bert.model: ", "error: tasks.moods.hub: "))
    assert [word for word in words if word not in last] == [], last
    return last


def files_in(folder):
    """Files under a folder, links followed, by path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def state_of(folder):
    """What a write under a folder would change."""
    return {path: os.lstat(path).st_mtime_ns for path in [folder, *folder.rglob("*")]}


def assert_whole(tmp_path, commit=OLD):
    """The recorded folder holds the commit's files, and only those that are wanted."""
    record = read_json(tmp_path / "record.json")
    served = files_in(tmp_path / "served" / commit)
    assert record["commit"] == commit
    wanted = ("config.json", "vocab.txt", WEIGHTS)
    assert files_in(Path(record["folder"])) == {name: served[name] for name in wanted}


def ranges(hub):
    return [request.headers.get("range") for request in hub.asked("GET", WEIGHTS, "cdn")]


class TestModels:
    def test_a_model_is_fetched_at_its_commit_once(self, hub, tmp_path):
        succeeded(fetch_model(tmp_path))
        assert_whole(tmp_path)
        record = read_json(tmp_path / "record.json")
        home = tmp_path / "home" / "hub"
        # Where the client itself would have put it, and finds it.
        found = snapshot_download("unit/bert", revision=OLD, cache_dir=home, local_files_only=True)
        assert found == record["folder"]
        assert (Path(found) / WEIGHTS).resolve().parent.name == "blobs"
        assert not [request for request in hub.requests if "authorization" in request.headers]

        # Again, as for another study: the hub is not asked, and the cache is not touched.
        (tmp_path / "record.json").unlink()
        hub.requests.clear()
        before = state_of(home)
        succeeded(fetch_model(tmp_path))
        assert read_json(tmp_path / "record.json") == record
        assert hub.requests == []
        assert state_of(home) == before

    @pytest.mark.parametrize("harm", ["no listing", "a torn one", "a file less"])
    def test_a_cache_that_is_not_full_asks_the_hub(self, hub, tmp_path, harm):
        succeeded(fetch_model(tmp_path))
        listing = tmp_path / "home/hub/models--unit--bert/listings" / f"{OLD}.json"
        folder = Path(read_json(tmp_path / "record.json")["folder"])
        listed = harm != "a file less"
        if harm == "no listing":
            listing.unlink()
        elif harm == "a torn one":
            listing.write_text(listing.read_text()[:-9])
        else:
            (folder / "vocab.txt").resolve().unlink()
        hub.requests.clear()
        succeeded(fetch_model(tmp_path))
        assert_whole(tmp_path)
        for what, wanted in (("recursive", listed), ("vocab.txt", not listed)):
            assert any(what in request.path for request in hub.requests) == wanted

    def test_another_commit_lies_beside_it(self, hub, tmp_path):
        succeeded(fetch_model(tmp_path, OLD))
        succeeded(fetch_model(tmp_path, NEW))
        assert_whole(tmp_path, NEW)
        # What both commits have in common came once.
        assert len(hub.asked("GET", "vocab.txt")) == 1
        assert len(ranges(hub)) == 2

    def test_without_revision_the_newest_commit_is_recorded(self, hub, tmp_path):
        succeeded(fetch_model(tmp_path, revision=""))
        assert_whole(tmp_path, NEW)

    @pytest.mark.parametrize(
        "abrupt", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["closed", "reset"]
    )
    def test_a_dropped_connection_is_resumed(self, hub, tmp_path, abrupt):
        hub.drops, hub.abrupt = {WEIGHTS: [1_000_000, 1_000_000]}, abrupt
        result = fetch_model(tmp_path)
        succeeded(result)
        assert_whole(tmp_path)
        first, *others = ranges(hub)
        assert first is None and len(others) == 2
        if abrupt:
            assert "reset" in result.stderr
        else:
            assert others == ["bytes=1000000-", "bytes=2000000-"]
        assert result.stderr.count("connection lost") == 2
        assert result.stderr.count("going on in 1 s") == 2

    @pytest.mark.slow
    def test_a_killed_download_is_resumed_by_the_next(self, hub, tmp_path):
        hub.drops = {WEIGHTS: [1_000_000, 0, 0]}
        process = start_fetching(tmp_path)
        wait_for(lambda: len(ranges(hub)) >= 2)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert not (tmp_path / "record.json").exists()

        hub.drops = {}
        hub.requests.clear()
        succeeded(fetch_model(tmp_path))
        assert_whole(tmp_path)
        assert ranges(hub) == ["bytes=1000000-"]

    @pytest.mark.slow
    def test_a_hub_without_ranges_sends_the_file_anew(self, hub, tmp_path):
        hub.drops, hub.knows_ranges = {WEIGHTS: [1_000_000]}, False
        succeeded(fetch_model(tmp_path))
        assert_whole(tmp_path)
        assert ranges(hub) == [None, "bytes=1000000-"]

    @pytest.mark.slow
    def test_a_busy_hub_is_asked_again(self, hub, tmp_path):
        hub.busy = {"/api/models/": 1, "/config.json": 1}
        succeeded(fetch_model(tmp_path))
        assert_whole(tmp_path)
        assert hub.busy == {"/api/models/": 0, "/config.json": 0}

    @pytest.mark.parametrize("name", [WEIGHTS, "config.json"])
    def test_a_wrong_checksum_is_refused_and_nothing_kept(self, hub, tmp_path, name):
        content = (tmp_path / "served" / OLD / name).read_bytes()
        hub.altered = {name: content[:-1] + b"!"}
        result = fetch_model(tmp_path)
        refused(result, f"model unit/bert: {name}", "does not have the checksum", "run again")
        assert not (tmp_path / "record.json").exists()
        kept = files_in(tmp_path / "home").values()
        assert hub.altered[name] not in kept and content not in kept

        # Nor is anything of it resumed.
        hub.altered = {}
        hub.requests.clear()
        succeeded(fetch_model(tmp_path))
        assert_whole(tmp_path)
        assert not [request for request in hub.requests if "range" in request.headers]

    def test_a_file_damaged_in_the_cache_is_fetched_again(self, hub, tmp_path):
        succeeded(fetch_model(tmp_path))
        weights = Path(read_json(tmp_path / "record.json")["folder"]) / WEIGHTS
        with open(weights, "r+b") as file:
            file.write(b"damage")
        hub.requests.clear()
        succeeded(fetch_model(tmp_path))
        assert_whole(tmp_path)
        assert ranges(hub) == [None]

    def test_a_missing_commit_is_named(self, hub, tmp_path):
        result = fetch_model(tmp_path, ABSENT)
        refused(result, "model unit/bert", f"no commit {ABSENT}", "'revision'")
        assert not (tmp_path / "record.json").exists()

    def test_a_missing_model_is_named(self, hub, tmp_path):
        refused(fetch_model(tmp_path, name="unit/brt"), "model unit/brt", "check the name")
        refused(fetch_model(tmp_path, name="../bert"), "model ../bert", "can have this name")

    def test_a_gated_model_says_how_to_get_it(self, hub, tmp_path):
        hub.gated = {"unit/bert"}
        refused(fetch_model(tmp_path), "granted access", "hf auth login")

    def test_pickles_alone_are_refused_unseen(self, hub, tmp_path):
        (tmp_path / "served" / OLD / WEIGHTS).unlink()
        line = refused(fetch_model(tmp_path), "no safetensors weights", "'revision'")
        assert OLD in line
        assert hub.asked("GET", ".bin") == hub.asked("GET", ".json") == []

    def test_an_adapter_is_refused_unseen(self, hub, tmp_path):
        (tmp_path / "served" / OLD / "adapter_config.json").write_text("{}")
        refused(fetch_model(tmp_path), "is an adapter", "merge it into its base")
        assert hub.asked("GET", ".json") == hub.asked("GET", WEIGHTS) == []

    def test_a_token_goes_to_the_hub_and_nowhere_else(self, hub, tmp_path, monkeypatch):
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        hub.drops = {WEIGHTS: [1_000_000]}
        result = fetch_model(tmp_path)
        succeeded(result)
        sent = [request.headers.get("authorization") for request in hub.asked("GET", WEIGHTS)]
        assert [request.server for request in hub.asked("GET", WEIGHTS)] == ["hub", "cdn"] * 2
        assert sent == [f"Bearer {TOKEN}", None] * 2
        failed = fetch_model(tmp_path, ABSENT)
        written = files_in(tmp_path / "home").values()
        assert TOKEN not in result.stdout + result.stderr + failed.stdout + failed.stderr
        assert TOKEN not in (tmp_path / "record.json").read_text()
        assert not any(TOKEN.encode() in content for content in written)

    def test_two_processes_fetch_once_with_the_users_umask(self, hub, tmp_path):
        processes = [start_fetching(tmp_path, warm.python(), umask=0o002) for _ in range(2)]
        errors = [process.communicate()[1] for process in processes]
        assert [process.returncode for process in processes] == [0, 0], errors
        assert_whole(tmp_path)
        assert len(ranges(hub)) == 1
        found = [path for path in (tmp_path / "home" / "hub").rglob("*") if not path.is_symlink()]
        assert {path.stat().st_mode & 0o777 for path in found} == {0o664, 0o775}

    @pytest.mark.slow
    def test_a_full_disk_is_named_and_what_arrived_is_kept(self, hub, tmp_path):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

        process = start_fetching(tmp_path, preexec_fn=limit)
        errors = process.communicate()[1]
        result = subprocess.CompletedProcess([], process.returncode, stderr=errors)
        refused(result, "File too large", "make room")
        hub.requests.clear()
        succeeded(fetch_model(tmp_path))
        assert_whole(tmp_path)
        assert ranges(hub) == ["bytes=1000000-"]

    def test_a_cache_that_cannot_be_is_named(self, hub, tmp_path, monkeypatch):
        (tmp_path / "file").write_text("no folder")
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "file" / "hub"))
        refused(fetch_model(tmp_path), f"the cache {tmp_path}/file/hub", "set HF_HUB_CACHE")
        monkeypatch.setenv("HF_HOME", str(tmp_path / "file"))
        refused(fetch_model(tmp_path), f"{tmp_path}/file/token", "check HF_HOME")

    def test_what_is_no_hub_is_named(self, hub, tmp_path):
        hub.portal = True
        refused(fetch_model(tmp_path), f"{hub.endpoint} is no hub", "HF_ENDPOINT")

    @pytest.mark.slow  # the client's own patience: half a minute
    def test_an_unreachable_hub_is_named(self, hub, tmp_path, monkeypatch):
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
        refused(fetch_model(tmp_path), "http://127.0.0.1:9 cannot be reached", "run again")

    def test_a_path_out_of_the_cache_is_refused(self):
        for path, checksum in (("../config.json", "0" * 40), ("config.json", "../" * 8)):
            repository = Repository("model", "unit/bert", OLD, {path: Listed(1, checksum)})
            with pytest.raises(InputError, match="no file to store"):
                fetch_files(repository, [path])


def wait_for(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


class TestDatasets:
    def test_a_split_is_fetched_at_its_commit_once(self, hub, tmp_path):
        succeeded(fetch_dataset(tmp_path))
        expected = pd.concat([glue_table("sst2", 60, 0), glue_table("sst2", 40, 1)])
        table = pd.read_parquet(tmp_path / "train.parquet")
        assert table.to_dict("list") == expected.to_dict("list")
        record = read_json(tmp_path / "record.json")
        facts = {"name": "unit/moods", "subset": "moods", "split": "train", "commit": OLD}
        assert record == facts
        # The subset's files alone, and no copies but the cache's.
        downloaded = {request.path.split("/")[-2] for request in hub.asked("GET", server="cdn")}
        assert downloaded == {"moods"}
        assert not list(tmp_path.glob(".prepared*"))
        assert not [path for path in (tmp_path / "home").rglob("*.arrow")]

        hub.requests.clear()
        succeeded(fetch_dataset(tmp_path, split="validation"))
        assert len(pd.read_parquet(tmp_path / "train.parquet")) == 40
        # Nor is the hub asked for anything: the cache is full.
        assert hub.requests == []

    def test_a_splits_job_prepares_that_split_alone(self, hub, tmp_path):
        other = tmp_path / "served" / f"dataset-{OLD}/moods/validation-00000-of-00001.parquet"
        other.write_bytes(b"no parquet")
        succeeded(fetch_dataset(tmp_path))
        assert len(pd.read_parquet(tmp_path / "train.parquet")) == 100

    def test_a_dataset_in_archives_is_read(self, hub, tmp_path):
        folder = tmp_path / "served" / "zipped"
        folder.mkdir()
        with ZipFile(folder / "train.zip", "w") as archive:
            archive.writestr("train.csv", glue_table("sst2", 30, 0).to_csv(index=False))
        hub.add("dataset", "unit/zipped", folder, OLD)
        succeeded(fetch_dataset(tmp_path, name="unit/zipped", subset=None))
        expected = glue_table("sst2", 30, 0)
        assert pd.read_parquet(tmp_path / "train.parquet").to_dict("list") == expected.to_dict(
            "list"
        )

    @pytest.mark.slow
    def test_a_dropped_connection_is_resumed(self, hub, tmp_path):
        name = "train-00001-of-00002.parquet"
        hub.drops = {name: [500]}
        succeeded(fetch_dataset(tmp_path))
        assert len(pd.read_parquet(tmp_path / "train.parquet")) == 100
        asked = [request.headers.get("range") for request in hub.asked("GET", name, "cdn")]
        assert asked == [None, "bytes=500-"]

    def test_without_revision_the_newest_commit_is_recorded(self, hub, tmp_path):
        succeeded(fetch_dataset(tmp_path, split="validation", revision=""))
        table = pd.read_parquet(tmp_path / "train.parquet")
        assert table.to_dict("list") == glue_table("sst2", 40, 12).to_dict("list")
        assert read_json(tmp_path / "record.json")["commit"] == NEW

    @pytest.mark.parametrize("name", ["moods/train-00001-of-00002.parquet", "README.md"])
    def test_a_wrong_checksum_is_refused(self, hub, tmp_path, name):
        # Data and a card that could well be the right ones.
        other = tmp_path / "served" / f"dataset-{NEW}" / name
        altered = other.read_bytes().replace(b"path: moods", b"path: other")
        hub.altered = {Path(name).name: altered}
        refused(fetch_dataset(tmp_path), f"moods: {name}: ", "does not have the checksum")
        assert not (tmp_path / "train.parquet").exists()
        assert not (tmp_path / "record.json").exists()

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"revision": ABSENT}, [f"no commit {ABSENT}", "'revision'"]),
            ({"name": "unit/mods"}, ["dataset unit/mods", "check the name"]),
            ({"subset": "mood"}, ["unit/moods", "'mood' not found", "moods", "other"]),
            ({"split": "test"}, ["no split 'test'", "train, validation"]),
        ],
        ids=["commit", "name", "subset", "split"],
    )
    def test_what_the_hub_lacks_is_named(self, hub, tmp_path, changes, words):
        refused(fetch_dataset(tmp_path, **changes), *words)
        assert not (tmp_path / "train.parquet").exists()
        assert hub.asked("GET", server="cdn") == []

    @pytest.mark.parametrize("place", ["another commit", "this machine"])
    def test_files_of_elsewhere_are_refused(self, hub, tmp_path, place):
        served = tmp_path / "served"
        elsewhere = {
            "another commit": f"hf://datasets/unit/moods@{NEW}/",
            "this machine": f"{served}/dataset-{NEW}/",
        }[place]
        card = CARD.replace("path: ", f"path: {elsewhere}")
        (served / f"dataset-{OLD}" / "README.md").write_text(card)
        line = refused(fetch_dataset(tmp_path), f"is no file of its commit {OLD}")
        assert f"{elsewhere}moods/train-00000-of-00002.parquet" in line
        assert not (tmp_path / "train.parquet").exists()


def suite_from_hub():
    """A small study all of whose models and data come from the stand-in hub."""
    training = {"epochs": 1, "batch_size": 16, "learning_rate": 1.0e-3}
    return {
        "suite": "fetched",
        "tasks": {
            "moods": {
                "hub": {"name": "unit/moods", "subset": "moods", "revision": OLD},
                "splits": {"train": "train", "report": "validation"},
                "text": ["sentence"],
                "labels": ["bad", "good"],
                "metrics": ["accuracy"],
                "selection": {"fraction": 0.3},
                "max_length": 16,
            }
        },
        "teachers": {
            "bert": {"model": {"hub": "unit/bert", "revision": OLD}, "training": training}
        },
        "students": {
            "distilbert": {
                "model": {"hub": "unit/distilbert", "revision": OLD},
                "training": training,
            }
        },
        "studies": {
            "main": {
                "student": "distilbert",
                "tasks": ["moods"],
                "arms": [{"strategy": "none"}, {"strategy": "single", "teachers": ["bert"]}],
                "T": [4],
                "alpha": [0.7],
                "seeds": [1],
            }
        },
    }


def writing_suite_from_hub():
    """A small study of generated text all of whose models and prompts come from the hub."""
    model = {"hub": "unit/writer", "revision": OLD}
    return {
        "suite": "fetched",
        "tasks": {
            "sums": {
                "kind": "generation",
                "prompts": {
                    "hub": {"name": "unit/sums", "subset": "main", "revision": OLD},
                    "files": {"transfer": "train", "selection": "train", "report": "test"},
                    "prompt": "question",
                },
                "rows": {"transfer": 12, "selection": 2, "report": 3},
                "longest": 12,
            }
        },
        "teachers": {"asked": {"model": model, "chat": True}},
        "students": {"small": {"model": model, "training": {"epochs": 1, "batch_size": 4}}},
        "studies": {
            "main": {
                "students": ["small"],
                "tasks": ["sums"],
                "n": 4,
                "arms": [{"teachers": ["asked"]}],
                "seeds": [1],
            }
        },
    }


class TestThroughSnakemake:
    def test_a_study_of_text_from_the_hub_is_fetched_and_runs_offline(self, hub, tmp_path):
        folder = tmp_path / "writer"
        folder.mkdir()
        write_writer(folder, "qwen3", turn=True)
        # Where newer models keep it.
        config = json.loads((folder / "tokenizer_config.json").read_text())
        template = config.pop("chat_template", TEMPLATE)
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
        (folder / "chat_template.jinja").write_text(template)
        hub.add("model", "unit/writer", folder, OLD)
        data = tmp_path / "sums"
        for split, rows in (("train", problems(20, 1)[:16]), ("test", problems(20, 1)[16:])):
            path = data / f"main/{split}-00000-of-00001.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            rows.to_parquet(path)
        (data / "README.md").write_text(SUMS)
        hub.add("dataset", "unit/sums", data, OLD)
        path = write_suite(tmp_path / "suite.yaml", writing_suite_from_hub())
        result = run_snakemake(tmp_path, "fetch", "--configfile", path, "-c2")
        assert result.returncode == 0, result.stdout
        tables = tmp_path / "results/fetched/fetched/datasets/sums"
        # A split of the hub comes once, however many of the task's are drawn from it.
        assert sorted(table.stem for table in tables.glob("*.parquet")) == ["report", "transfer"]
        assert read_json(tables / "transfer.json")["commit"] == OLD

        hub.requests.clear()
        cell = "results/fetched/generators/small/sums/asked/plain/n4/seed1/scores.parquet"
        result = run_snakemake(tmp_path, cell, "--configfile", path, "-c2")
        assert result.returncode == 0, result.stdout
        assert hub.requests == []
        traces = pd.read_parquet(
            tmp_path / "results/fetched/traces/sums/asked/seed1/traces.parquet"
        )
        assert len(traces) == 12 and traces["response"].str.contains(";").mean() > 0.5
        tasks = tmp_path / "results/fetched/tasks/sums"
        held = [pd.read_parquet(tasks / f"{name}.parquet") for name in ("report", "selection")]
        assert not {*held[0]["prompt"], *held[1]["prompt"]} & set(traces["prompt"])

        # A split that the hub lacks is named where the suite names it.
        suite = writing_suite_from_hub()
        suite["tasks"]["sums"]["prompts"]["files"]["report"] = "validation"
        path = write_suite(tmp_path / "suite.yaml", suite)
        result = run_snakemake(tmp_path, "fetch", "--configfile", path, "-c2")
        assert result.returncode == 1 and "Traceback" not in result.stdout
        assert "error: tasks.sums.prompts.hub: dataset unit/sums: no split" in result.stdout

    def test_a_refusal_comes_once_and_no_name_reaches_the_shell(self, hub, tmp_path):
        suite = suite_from_hub()
        suite["tasks"]["moods"]["hub"]["subset"] = "'; touch pwned; $(touch pwned) \""
        path = write_suite(tmp_path / "suite.yaml", suite)
        target = "results/fetched/fetched/datasets/moods/train.parquet"
        result = run_snakemake(tmp_path, target, "--configfile", path, "-c1")
        assert result.returncode == 1
        assert "Traceback" not in result.stdout
        assert "error: tasks.moods.hub: dataset unit/moods: " in result.stdout
        assert "touch pwned; $(touch pwned) \"' not found. Available: " in result.stdout
        assert "localrule fetch_dataset:" in result.stdout
        assert len(hub.asked("GET", "recursive=true&expand=false")) == 1
        assert not list(tmp_path.rglob("pwned"))

    @pytest.mark.parametrize("name", ["unit/bert;touch", "$(touch)/bert", "unit/../bert", "a b"])
    def test_a_name_that_is_no_name_is_refused_before_anything_runs(self, name):
        suite = suite_from_hub()
        suite["teachers"]["bert"]["model"]["hub"] = name
        with pytest.raises(InputError, match="teachers.bert.model.hub"):
            validate_suite(suite, "unit")

    def test_two_commits_of_a_model_are_two_models(self, tmp_path):
        suite = suite_from_hub()
        suite["students"]["distilbert"]["model"] = {"hub": "unit/bert", "revision": NEW}
        path = write_suite(tmp_path / "suite.yaml", suite)
        result = run_snakemake(tmp_path, "--configfile", path, "-n", "-p")
        assert result.returncode == 0, result.stdout
        asked = [line for line in result.stdout.splitlines() if "fetch_model.py" in line]
        assert len(asked) == 2
        for commit, key in ((OLD, "teachers.bert.model"), (NEW, "students.distilbert.model")):
            assert [line for line in asked if commit in line and f"--key {key} " in line]

    def test_a_job_that_asks_the_hub_gets_no_further_than_its_client(self, hub, project):
        write_tiny_suite(project)
        asking = "from huggingface_hub import HfApi\n\nHfApi().model_info('unit/bert')\n"
        (project / "workflow" / "scripts" / "prepare_task.py").write_text(asking)
        result = snakemake(project, "results/tiny/tasks/reviews/task.json", cores=1)
        assert result.returncode == 1
        assert "offline mode is enabled" in result.stdout
        assert hub.requests == []

    def test_only_the_fetching_rules_are_online(self):
        rules = REPOSITORY / "rules"
        online = {path: path.read_text().count("HF_HUB_OFFLINE=0") for path in rules.rglob("*.smk")}
        found = {path: count for path, count in online.items() if count}
        assert found == {rules / "fetch.smk": 2}

    def test_on_a_cluster_nothing_is_submitted(self, hub, tmp_path, monkeypatch):
        commands = tmp_path / "commands"
        commands.mkdir()
        for name in ("sbatch", "squeue", "sacct", "scontrol"):
            (commands / name).write_text(f"#!/bin/sh\necho $0 >> {tmp_path}/called\n")
            (commands / name).chmod(0o755)
        monkeypatch.setenv("PATH", os.pathsep.join([str(commands), os.environ["PATH"]]))
        path = write_suite(tmp_path / "suite.yaml", suite_from_hub())
        target = f"results/fetched/fetched/models/unit--bert@{OLD[:12]}.json"
        options = ["--workflow-profile", REPOSITORY / "profiles" / "slurm"]
        # How long the executor waits, and so lives at least.
        options += ["--slurm-init-seconds-before-status-checks", 1]
        options += ["--seconds-between-status-checks", 1]
        result = run_snakemake(tmp_path, target, "--configfile", path, *options)
        assert result.returncode == 0, result.stdout
        assert read_json(tmp_path / target)["commit"] == OLD
        assert "sbatch" not in (tmp_path / "called").read_text()

    def test_transfer_text_from_the_hub_is_fetched_for_its_variant(self, hub, tmp_path):
        suite = suite_from_hub()
        more = {"hub": {"name": "unit/moods", "subset": "moods", "revision": NEW}}
        suite["tasks"]["few"] = {"of": "moods", "labelled": 20, "transfer": ["rest", more]}
        suite["studies"]["main"]["tasks"] = ["few"]
        path = write_suite(tmp_path / "suite.yaml", suite)
        target = "results/fetched/tasks/few/task.json"
        result = run_snakemake(tmp_path, target, "--configfile", path, "-c2")
        assert result.returncode == 0, result.stdout
        rest, fetched = read_json(tmp_path / target)["account"]["transfer"]
        assert fetched["source"] == "unit/moods"
        train = pd.read_parquet(tmp_path / "results/fetched/tasks/few/train.parquet")
        own = train[train.id.str.startswith("unit/moods:")]
        assert len(own) == fetched["rows"] > 0 and (own.label == -1).all()
        assert set(own.text_a) <= set(glue_table("sst2", 60, 10).sentence) | set(
            glue_table("sst2", 40, 11).sentence
        )
        # One that the hub lacks is named where the suite names it.
        more["split"] = "nothing"
        path = write_suite(tmp_path / "suite.yaml", suite)
        result = run_snakemake(tmp_path, target, "--configfile", path, "-c2")
        assert result.returncode == 1 and "Traceback" not in result.stdout
        assert "error: tasks.few.transfer: dataset unit/moods" in result.stdout

    def test_a_study_from_the_hub_is_trained_and_scored_offline(self, hub, tmp_path):
        for name in ("bert", "distilbert"):
            folder = tmp_path / "models" / name
            write_model(folder, name)
            hub.add("model", f"unit/{name}", folder, OLD)
            hub.add("model", f"unit/{name}", tmp_path / "served" / NEW, NEW)
        path = write_suite(tmp_path / "suite.yaml", suite_from_hub())
        records = tmp_path / "results" / "fetched" / "fetched"
        models = [f"unit--{name}@{OLD[:12]}.json" for name in ("bert", "distilbert")]
        result = run_snakemake(tmp_path, "fetch", "--configfile", path, "-c2")
        assert result.returncode == 0, result.stdout
        tables = (records / "datasets" / "moods").glob("*.parquet")
        assert {table.stem for table in tables} == {"train", "report"}
        assert {read_json(records / "models" / name)["commit"] for name in models} == {OLD}

        # The hub is still there, and nothing asks it.
        assert hub.requests
        hub.requests.clear()
        cell = "results/fetched/students/distilbert/moods/bert/single/T4_a0.7/seed1/eval.json"
        result = run_snakemake(tmp_path, cell, "--configfile", path, "-c2")
        assert result.returncode == 0, result.stdout
        assert_nothing_left(run_snakemake, tmp_path, cell, "--configfile", path, "-c2")
        assert hub.requests == []
        record = read_json(tmp_path / cell)
        assert record["status"] == "finished" and set(record["scores"]) == {"selection", "report"}
        assert sorted(record["digests"]["teachers"]) == ["bert/seed1"]

"""Settings of the SLURM executor that lose work are refused; the shipped profiles are not."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from snakemake_executor_plugin_slurm import ExecutorSettings
from test_scripts import rules

from mtkd.cluster import settings as module
from mtkd.cluster.settings import forgetful_queue, limits_of_one_machine, slurm_mistake

PROFILES = Path(__file__).parents[2] / "profiles"


def settings(**values):
    return ExecutorSettings(**{"status_command": "sacct", **values})


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"requeue": True}, ["slurm-requeue with slurm-status-command: sacct", "profiles/slurm"]),
        ({}, ["neither slurm-requeue nor slurm-no-requeue"]),
        ({"no_requeue": True, "array_jobs": "all"}, ["slurm-array-jobs: all", "#473", "remove"]),
    ],
)
def test_combinations_that_lose_work_are_named_in_one_line(values, words):
    mistake = slurm_mistake(settings(**values))
    assert all(word in mistake for word in words)
    assert "\n" not in mistake


def profile(name):
    return yaml.safe_load((PROFILES / name / "profile.yaml").read_text(encoding="utf-8"))


def test_profiles_have_every_rule_that_asks_for_a_gpu():
    asking = {name for name, text in rules().items() if re.search(r"^ +gpu=", text, re.MULTILINE)}
    # Those of a name that is worked out are in a comment.
    asking -= {"name"}
    for path in sorted((PROFILES.parent / "rules").rglob("*.smk")):
        made = re.findall(r"^use rule (\w+) as (\w+) with:", path.read_text("utf-8"), re.MULTILINE)
        asking |= {name for of, name in made if of in asking}
        # Made from one that is made from another.
        asking |= {name for of, name in made if of in asking}
    own = profile("site")["set-resources"]
    assert set(own) == asking and len({str(where) for where in own.values()}) == 1
    for name in ("slurm", "slurm-requeue"):
        text = (PROFILES / name / "profile.yaml").read_text(encoding="utf-8")
        assert set(re.findall(r"^#   (\w+): [&*]gpu", text, re.MULTILINE)) == asking


@pytest.mark.parametrize("name", ["slurm", "slurm-requeue"])
def test_the_shipped_profiles_are_right_by_construction(name):
    prefix = "slurm-"
    values = {
        key.removeprefix(prefix).replace("-", "_"): value
        for key, value in profile(name).items()
        if key.startswith(prefix)
    }
    assert slurm_mistake(settings(**values)) is None


def test_the_two_profiles_differ_in_their_retries_alone():
    first, second = profile("slurm"), profile("slurm-requeue")
    differing = {key for key in first | second if first.get(key) != second.get(key)}
    retries = {"slurm-requeue", "slurm-no-requeue", "slurm-status-command"}
    report = {"slurm-efficiency-report", "slurm-efficiency-report-path"}
    assert differing == retries | report


REQUEUE = {"requeue": True, "status_command": "squeue"}


@pytest.mark.parametrize(
    ("age", "seconds", "refused"),
    [(300, 20, False), (60, 20, False), (59, 20, True), (2, 20, True), (30, 10, False)],
)
def test_requeueing_is_refused_where_squeue_forgets_soon(age, seconds, refused):
    given = {"init_seconds_before_status_checks": seconds, "no_requeue": False, **REQUEUE}
    said = forgetful_queue(settings(**given), age)
    assert (said is not None) is refused
    if refused:
        assert f"MinJobAge of this cluster is {age} s" in said and "\n" not in said
        assert "profiles/slurm (no-requeue and sacct)" in said
    assert forgetful_queue(settings(no_requeue=True), age) is None


def test_requeueing_is_refused_where_nothing_but_sacct_would_be_asked(monkeypatch):
    monkeypatch.setattr(module.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert "cannot be read" in forgetful_queue(settings(**REQUEUE), None)


@pytest.mark.parametrize(
    ("cores", "limits", "refused"),
    [(2, {"gpu": 1}, True), (None, {"gpu": 1}, False), (64, {"gpu": 8}, False), (2, {}, False)],
)
def test_limits_of_one_machine_are_no_clusters(cores, limits, refused):
    said = limits_of_one_machine(cores, limits)
    assert (said is not None) is refused
    assert said is None or "--workflow-profile profiles/slurm" in said


@pytest.fixture
def clean_state(tmp_path):
    """Calls ``make clean-state`` in a folder that has state, a queue holding what is given."""
    shutil.copy(PROFILES.parent / "Makefile", tmp_path)
    (tmp_path / ".snakemake/locks").mkdir(parents=True)
    (tmp_path / "results/suite/state/cells").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    squeue = tmp_path / "bin/squeue"

    def call(*jobs):
        rows = "\n".join(f"{number}|{name}|{folder}" for number, name, folder in jobs)
        squeue.write_text(f"#!/bin/sh\ncat <<END\n{rows}\nEND\n")
        squeue.chmod(0o755)
        result = subprocess.run(
            ["make", "clean-state"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env={**os.environ, "PATH": f"{squeue.parent}:{os.environ['PATH']}"},
        )
        deleted = not (tmp_path / "results/suite/state").exists()
        assert deleted == (result.returncode == 0)
        return result.stderr

    return call


def test_state_is_not_deleted_under_a_run(clean_state, tmp_path):
    lock = tmp_path / ".snakemake/locks/0.input.lock"
    lock.touch()
    assert "error: Snakemake is at work here" in clean_state()
    lock.unlink()
    assert "error: jobs of this folder are in the queue" in clean_state((7, "mtkd-a", tmp_path))
    assert clean_state((7, "mtkd-a", "/elsewhere"), (8, "other", tmp_path)) == ""

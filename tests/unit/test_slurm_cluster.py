"""The test cluster leaves a site's own SLURM and munge alone; nothing is started or stopped."""

import importlib.util
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "slurm" / "cluster.py"


@pytest.fixture
def cluster(monkeypatch, tmp_path):
    """The module, as root on a machine with all packages, with a folder for /etc/slurm."""
    spec = importlib.util.spec_from_file_location("cluster", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ETC", tmp_path / "etc")
    monkeypatch.setattr(module.os, "geteuid", lambda: 0)
    monkeypatch.setattr(module.shutil, "which", lambda *_, **__: "/usr/bin/true")
    module.ETC.mkdir()
    return module


@pytest.fixture
def stopped(cluster, monkeypatch):
    """Pids that would have been signalled."""
    pids = []
    monkeypatch.setattr(cluster.os, "kill", lambda pid, number: pids.append(pid))
    monkeypatch.setattr(cluster, "alive", lambda pid: False)
    monkeypatch.setattr(cluster.subprocess, "run", lambda *_, **__: None)
    return pids


@pytest.mark.parametrize("name", ["slurm.conf", "gres.conf", "slurmdbd.conf", "cgroup.conf"])
def test_any_file_of_a_sites_own_slurm_is_refused_and_stays(cluster, stopped, tmp_path, name):
    file = cluster.ETC / name
    file.write_text(f"{cluster.MARK}\n")
    assert cluster.refusal() is None
    cluster.down(tmp_path)
    assert not file.exists()
    file.write_text("# A site's\n")
    assert cluster.refusal() == f"{file} belongs to a site's own SLURM; the tests leave it alone"
    cluster.down(tmp_path)
    assert file.exists() and not stopped


def test_a_munge_that_was_running_is_not_stopped(cluster, stopped, monkeypatch, tmp_path):
    (tmp_path / "run").mkdir()
    monkeypatch.setattr(cluster, "_quiet", lambda *_, **__: True)
    cluster._start_munge(tmp_path)
    cluster.down(tmp_path)
    assert not stopped
    (tmp_path / "run/munged.pid").write_text("4321\n")  # as one started here leaves it
    for _ in range(2):
        cluster.down(tmp_path)
    assert stopped == [4321]

"""A site's own profile goes together with ours: what sbatch is asked for, to the letter."""

import re

import pytest
from fake_slurm import FakeSlurm, submit
from tiny_study import change_suite

SUITE = ["--configfile", "config/tiny.yaml"]
SITE = ["--profile", "profiles/site"]
OURS = ["--workflow-profile", "profiles/slurm", "--restart-times", "0"]
REFERENCE, TEACHER = "references/reviews/tfidf", "teachers/reviews/cnn/seed1"
TARGETS = [
    f"results/tiny/{REFERENCE}/predictions.safetensors",
    f"results/tiny/{TEACHER}/metrics.json",
]
COMMON = "--parsable --job-name mtkd --output LOG --export=ALL --comment"


@pytest.fixture
def slurm(tmp_path):
    return FakeSlurm(tmp_path / "slurm")


@pytest.fixture
def pending(study):
    """The finished study, of which a teacher and a reference have to be made again."""
    change_suite(study, "teachers.cnn.resources", {"gpu": 1, "mem_mb": 8000, "runtime": 240})
    for target in TARGETS:
        (study / target).unlink()
    return study


def asked(slurm):
    """The sbatch lines up to the job's command, without what differs from run to run."""
    lines = []
    for line in sorted(slurm.lines("submitted")):
        line = re.sub(r"--job-name mtkd_\S+ --output \S+", "--job-name mtkd --output LOG", line)
        lines.append(re.sub(r" -D \S+", "", line).partition(" --wrap=")[0])
    return lines


@pytest.mark.parametrize("gres", [False, True])
def test_account_partitions_qos_and_constraint_of_a_site(slurm, pending, gres):
    if gres:
        file = pending / "profiles/site/profile.yaml"
        text = file.read_text().replace("constraint: a100", "constraint: nvlink")
        file.write_text(text.replace("# gres: gpu:a100:1", "gres: gpu:h100-80gb:1"))
    slurm.say("states", *["FAILED"] * 9)
    result = submit(slurm, pending, *TARGETS, *SUITE, *SITE, *OURS)
    assert result.returncode == 1
    cpu = f"{COMMON} rule_fit_reference_wildcards_reviews -A study -p cpu -t 30 --qos=normal"
    gpu = f"{COMMON} rule_train_teacher_wildcards_reviews_cnn_1 -A study -p gpu -t 240"
    limits = "--mem 8000 --no-requeue --cpus-per-task=1"
    expected = [
        f"{cpu} --mem 8000 --no-requeue --ntasks=1 --cpus-per-task=1",
        f"{gpu} -C nvlink --qos=normal {limits} --gres=gpu:h100-80gb:1"
        if gres
        else f"{gpu} -C a100 --qos=normal {limits} --gpus=1",
    ]
    assert asked(slurm) == sorted(expected), result.stdout


def test_a_site_profile_alone_is_refused_since_one_machines_limits_would_hold(slurm, pending):
    # All that a run needs, so that nothing but profiles/default is wrong.
    ours = (pending / "profiles/slurm/profile.yaml").read_text()
    site = pending / "profiles/site/profile.yaml"
    site.write_text(ours + site.read_text())
    result = submit(slurm, pending, *TARGETS, *SUITE, *SITE)
    assert result.returncode == 1
    assert "error: profiles/default is loaded" in result.stdout, result.stdout
    assert "--workflow-profile profiles/slurm" in result.stdout
    assert not slurm.lines("tried")


@pytest.mark.parametrize("resource", ["gpu=2", "gres='gpu:a100:2'"])
def test_a_gpu_that_would_idle_is_refused(slurm, pending, resource):
    result = submit(
        slurm, pending, *TARGETS, *SUITE, *OURS, f"--set-resources=train_teacher:{resource}"
    )
    assert result.returncode == 1
    assert "error: train_teacher asks for 2 GPUs and computes on one" in result.stdout
    assert not slurm.lines("tried")

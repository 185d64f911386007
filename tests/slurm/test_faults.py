"""What a cluster does to jobs, done to a teacher in training: nothing is lost, no number changes.

Each test trains the same teacher, disturbs it, and compares its weights, byte for byte, with those
of an undisturbed training.
"""

import os
import re
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import cluster as slurm
import pytest
from conftest import (
    LONG,
    LONGER,
    LONGEST,
    PATIENCE,
    TEACHER,
    change_profile,
    make_teacher_long,
    slurm_command,
    submit,
)
from tiny_study import change_suite

GOES_ON = "going on from the state of step"
LOG = "logs/tiny/train_teacher/reviews/bert/seed1.log"


@pytest.fixture
def long_study(prepared):
    make_teacher_long(prepared, LONG)
    return prepared


@pytest.fixture
def run(long_study):
    """Starts submissions of the teacher; what is left of them ends with the test."""
    started = []

    def start(profile="slurm", *options):
        log = open(long_study / "main.log", "a")  # noqa: SIM115
        command = slurm_command(f"{TEACHER}/metrics.json", *options, profile=profile)
        process = subprocess.Popen(
            command,
            cwd=long_study,
            stdout=log,
            stderr=subprocess.STDOUT,
            # A background process of some shells ignores Ctrl-C; this one must not.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
    for job in jobs(long_study):
        subprocess.run(["scancel", job])
    until("an empty queue", lambda: not jobs(long_study), 60)
    # What a dead node left behind, it left for ever.
    for pid, _ in processes(long_study):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def jobs(folder, column="%i"):
    """A column of squeue for the jobs in the queue that were submitted from a folder."""
    found = subprocess.run(["squeue", "-h", "-o", f"{column}|%Z"], capture_output=True, text=True)
    rows = [line.rsplit("|", 1) for line in found.stdout.splitlines()]
    return [value for value, where in rows if where == str(folder)]


def until(what, ready, seconds):
    end = time.monotonic() + seconds
    while not (found := ready()):
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.5)
    return found


def processes(folder):
    """Processes at work in a folder, with the words of their command."""
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            here = os.readlink(entry / "cwd") == str(folder)
        except (OSError, ValueError):
            continue
        if here:
            yield int(entry.name), words


def trainings(folder):
    """Processes that train the teacher of this folder: the script itself, not a shell around it."""
    return [
        pid
        for pid, words in processes(folder)
        if len(words) > 1 and words[1].endswith(b"/train_teacher.py")
    ]


def states(folder):
    return list((folder / "results/tiny/state/training").glob("*.safetensors"))


def in_training(folder):
    """Wait until the teacher is training and a state of it is saved; its process and job."""
    until("a saved state", lambda: trainings(folder) and states(folder), PATIENCE)
    (pid,) = trainings(folder)
    (job,) = jobs(folder)
    return pid, job


def finished(process, folder, expected, seconds=2 * PATIENCE):
    """The submission succeeds and the weights are those of an undisturbed training."""
    process.wait(timeout=seconds)
    output = (folder / "main.log").read_text()
    assert process.returncode == 0, output
    weights = "model/model.safetensors"
    assert (folder / TEACHER / weights).read_bytes() == (expected / weights).read_bytes()
    assert not states(folder), "large state is removed at success"
    assert not list((folder / "results").rglob(".*.*")), "no temporary file is left"
    return (folder / LOG).read_text()


def accounted(column, folder):
    """A column of sacct for the jobs of this folder's studies."""
    found = subprocess.run(
        ["sacct", "-X", "-n", "-P", "-o", f"{column},JobName,WorkDir"],
        capture_output=True,
        text=True,
    )
    rows = [line.rsplit("|", 2) for line in found.stdout.splitlines()]
    return [
        value for value, name, where in rows if name.startswith("mtkd") and where == str(folder)
    ]


def test_a_job_killed_by_its_time_limit_goes_on_with_more_time(run, long_study, undisturbed):
    make_teacher_long(long_study, LONGER)
    change_suite(long_study, "teachers.bert.resources.runtime", 5)
    change_suite(long_study, "save_minutes", 0)  # the state is the one saved on SIGTERM
    process = run()
    log = long_study / LOG
    until("a step", lambda: log.exists() and "\nstep " in log.read_text(), PATIENCE)
    # As if the limit had been shorter than this machine takes to come here.
    (job,) = jobs(long_study)
    subprocess.run(["scontrol", "update", f"JobId={job}", "TimeLimit=1"], check=True)
    log = finished(process, long_study, undisturbed(LONGER))
    assert GOES_ON in log
    assert accounted("State", long_study) == ["TIMEOUT", "COMPLETED"]
    # The second try asks for twice the minutes, and for the same memory.
    assert accounted("TimelimitRaw", long_study) == ["1", "10"]
    assert len(set(accounted("ReqMem", long_study))) == 1


def test_a_state_that_takes_longer_than_the_kill_wait_is_asked_for_earlier(
    run, long_study, undisturbed
):
    make_teacher_long(long_study, LONGEST)
    change_suite(long_study, "teachers.bert.resources.runtime", 2)
    change_suite(long_study, "save_minutes", 0)  # the state is the one saved on SIGTERM
    source = long_study / "src/mtkd/distillation/checkpoints.py"
    text, slow = source.read_text(), "        check_claim(self.claim)\n"
    assert text.count(slow) == 1
    source.write_text(text.replace(slow, f"{slow}        time.sleep(8 * bool(_signals))\n"))
    large = ["--set-resources", "train_teacher:state_mb=20000", "train_teacher:slurm_partition=gpu"]
    log = finished(run("slurm", *large), long_study, undisturbed(LONGEST))
    assert GOES_ON in log
    # It was not killed, ended by itself before the limit, and still asked for more time.
    first, *_, last = accounted("State", long_study)
    assert (first, last) == ("FAILED", "COMPLETED")
    assert accounted("TimelimitRaw", long_study)[:2] == ["2", "4"]


def kill_node(cluster, node, job, with_children):
    """End a node's daemons as a power cut would, or leave what they started running."""
    pid_file = cluster / f"run/slurmd.{node}.pid"
    victims = [int(pid_file.read_text())]
    steps = subprocess.run(
        ["pgrep", "-f", rf"slurmstepd: \[{job}\."], capture_output=True, text=True
    )
    steps = [int(pid) for pid in steps.stdout.split()]
    victims += steps
    if with_children:
        for step in steps:
            victims += descendants(step)
    for pid in victims:
        os.kill(pid, signal.SIGKILL)


def descendants(pid):
    children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True)
    children = [int(child) for child in children.stdout.split()]
    return children + [below for child in children for below in descendants(child)]


@pytest.fixture
def revive():
    """Nodes to bring back when the test is over."""
    nodes = []
    yield nodes
    for node in nodes:
        slurm.start_node(node)
        subprocess.run(["scontrol", "update", f"NodeName={node}", "State=RESUME"])
    until("all nodes", lambda: slurm.node_states(*nodes) <= {"idle", "mix", "alloc"}, 60)


@pytest.mark.parametrize("orphan", [False, True], ids=["dead", "orphan"])
def test_a_node_dies_under_a_training(cluster, run, long_study, undisturbed, revive, orphan):
    # An orphan must still be at work when the job starts again elsewhere.
    seconds = LONGEST if orphan else LONG
    make_teacher_long(long_study, seconds)
    use_partition(long_study, "slurm", "orphan" if orphan else "dead")
    process = run()
    pid, job = in_training(long_study)
    (node,) = jobs(long_study, "%N")
    revive.append(node)
    kill_node(cluster, node, job, with_children=not orphan)
    if not orphan:
        until("the training's end", lambda: not slurm.alive(pid), 10)
    if orphan:
        # It goes on beside the new job until it wants to save or publish, and then does neither.
        until("a second writer", lambda: len(trainings(long_study)) == 2, PATIENCE)
        until("the orphan's end", lambda: not slurm.alive(pid), PATIENCE)
        assert trainings(long_study), "the new job goes on"
    log = finished(process, long_study, undisturbed(seconds))
    # Two writers write over each other's lines.
    assert GOES_ON in log or orphan
    assert accounted("State", long_study)[-2:] == ["NODE_FAIL", "COMPLETED"]


def use_partition(folder, profile, name):
    change_profile(folder, profile, "slurm_partition: gpu", f"slurm_partition: {name}")


@pytest.mark.parametrize(("profile", "number"), [("slurm", 1), ("slurm-requeue", 2)])
def test_a_preempted_training_goes_on(run, long_study, undisturbed, profile, number):
    use_partition(long_study, profile, f"preempt{number}")
    process = run(profile)
    in_training(long_study)
    urgent = ["sbatch", "--parsable", "-p", f"urgent{number}", "-A", "study", "--exclusive"]
    urgent += ["--nodes=2", "-t", "5", "-o", "/dev/null", "--wrap", "sleep 300"]
    blocker = subprocess.run(
        urgent, cwd=long_study, capture_output=True, text=True, check=True
    ).stdout.strip()
    until("the urgent job to run", lambda: f"{blocker} R" in jobs(long_study, "%i %t"), 60)
    until("the training's end", lambda: not trainings(long_study), 30)
    subprocess.run(["scancel", blocker], check=True)
    for job in jobs(long_study):
        # SLURM holds a requeued job back for two minutes, which this test has no use for.
        subprocess.run(["scontrol", "update", f"JobId={job}", "StartTime=now"])
    log = finished(process, long_study, undisturbed(LONG))
    assert GOES_ON in log
    submitted = len(
        re.findall(r"submitted with SLURM jobid", (long_study / "main.log").read_text())
    )
    # Requeued by SLURM under its number, or submitted again by Snakemake.
    assert submitted == {"slurm": 2, "slurm-requeue": 1}[profile]
    # With time to end by itself, it was no failure either, and no try asked for more.
    if profile == "slurm":
        assert accounted("State", long_study) == ["FAILED", "COMPLETED"]
    assert len(set(accounted("TimelimitRaw,ReqMem", long_study))) == 1


def test_out_of_memory_is_met_with_more_memory(run, long_study, undisturbed):
    change_suite(long_study, "teachers.bert.resources.mem_mb", 450)
    log = finished(run(), long_study, undisturbed(LONG))
    states_of_jobs = accounted("State", long_study)
    assert "COMPLETED" in states_of_jobs[-1] and len(states_of_jobs) > 1, states_of_jobs
    assert set(states_of_jobs[:-1]) <= {"FAILED", "OUT_OF_MEMORY"}
    assert len(set(accounted("TimelimitRaw", long_study))) == 1, (
        "of memory alone there was too little"
    )
    assert "error" not in log


def test_a_submission_over_the_limit_of_jobs_waits_and_is_no_failure(run, long_study):
    use_qos = "slurm_account: study\n  qos: few"
    change_profile(long_study, "slurm", "slurm_account: study", use_qos)
    held = ["sbatch", "--parsable", "--hold", "--qos=few", "-A", "study", "-t", "1"]
    held += ["-o", "/dev/null", "--wrap", "true"]
    others = [
        subprocess.run(
            held, cwd=long_study, capture_output=True, text=True, check=True
        ).stdout.strip()
        for _ in range(slurm.FEW)
    ]
    process = run(
        "slurm", "--until", "prepare_task", "--forcerun", "prepare_task", "--restart-times", "0"
    )
    log = long_study / "main.log"
    told = "not submitted yet, the limit of jobs is reached"
    until("a refusal", lambda: told in log.read_text(), PATIENCE)
    subprocess.run(["scancel", *others], check=True)
    process.wait(timeout=PATIENCE)
    assert process.returncode == 0, log.read_text()
    most = f"At most {slurm.FEW - 1} jobs at a time: QOS few lets a user submit {slurm.FEW}."
    assert most in log.read_text()
    assert accounted("State", long_study) == ["COMPLETED"]


@pytest.mark.parametrize(("sent", "harm"), [("SIGTERM", None), ("SIGINT", "truncated")])
def test_ctrl_c_or_sigterm_and_the_same_command_again(run, long_study, undisturbed, sent, harm):
    process = run()
    in_training(long_study)
    process.send_signal(getattr(signal, sent))
    process.wait(timeout=60)
    assert process.returncode != 0
    until("an empty queue", lambda: not jobs(long_study) and not trainings(long_study), 60)
    if harm:
        (state,) = states(long_study)
        os.truncate(state, state.stat().st_size - 1000)
    log = finished(run(), long_study, undisturbed(LONG))
    if harm:
        assert "is damaged" in log and "starting from the beginning" in log
    else:
        assert GOES_ON in log


def test_the_main_process_is_killed_and_recovers_by_one_line(run, long_study, undisturbed):
    # Its job must still be at work when a second Snakemake has started and refused.
    make_teacher_long(long_study, LONGER)
    process = run()
    in_training(long_study)
    process.kill()
    process.wait()
    assert jobs(long_study), "jobs go on without it"
    # Whoever only unlocks is told of the jobs.
    again = submit(long_study, f"{TEACHER}/metrics.json", "--nolock")
    assert again.returncode != 0, again.stdout
    assert "error: 1 job(s) of an earlier run" in again.stdout and "make recover" in again.stdout
    done = subprocess.run(["make", "recover"], cwd=long_study, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not jobs(long_study)
    assert GOES_ON in finished(run(), long_study, undisturbed(LONGER))

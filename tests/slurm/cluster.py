"""A real SLURM on this machine, for tests: accounting, virtual nodes, fake GPUs, no systemd.

    python tests/slurm/cluster.py up FOLDER
    python tests/slurm/cluster.py down FOLDER
    python tests/slurm/cluster.py packages

Needs root and Debian's packages, which the last form prints; listens on the loopback interface
alone; refuses to start where a site's own SLURM is configured. Everything it starts is stopped by
its pid, and nothing else: a munge that was running stays.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

PACKAGES = (
    "slurmctld slurmd slurm-client slurm-wlm-basic-plugins munge slurmdbd slurm-wlm-mysql-plugin "
    "mariadb-server-core mariadb-client-core libdbi-perl"
)
MARK = "# The test cluster of mtkd"
ETC = Path("/etc/slurm")
CONFIGURATION = ("slurm.conf", "gres.conf", "slurmdbd.conf", "cgroup.conf")
GPU_NODES = [
    f"{name}{number}" for name in ("gpu", "dead", "orphan", "pre1", "pre2") for number in (1, 2)
]
NODES = (*GPU_NODES, "cpu1")
# Jobs that QOS "few" lets a user submit.
FEW = 3
SOCKET = "/run/mysqld/mysqld.sock"

# config_overrides: nodes have the processors and memory written here. linuxproc and OverMemoryKill
# stand in for cgroups. A GPU line takes a device file, else the node is invalid.
SLURM_CONF = """{mark}
ClusterName=mtkdtest
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
SlurmctldPort=16817
SlurmdPort=16818
SlurmdParameters=config_overrides
CommunicationParameters=NoCtldInAddrAny
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
ReturnToService=2
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd.%n.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.%n.log
# A node counts as dead soon, and a job has five seconds between SIGTERM and SIGKILL.
SlurmdTimeout=10
KillWait=5
MinJobAge=300
MessageTimeout=20
BatchStartTimeout=20
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,batch_sched_delay=1,bf_interval=2,defer
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
GresTypes=gpu
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=16819
AccountingStorageTRES=gres/gpu
AccountingStoreFlags=job_comment
AccountingStorageEnforce=associations,limits,qos
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
NodeName=DEFAULT State=UNKNOWN RealMemory=64000
NodeName=DEFAULT CPUs=16 Boards=1 SocketsPerBoard=1 CoresPerSocket=16 ThreadsPerCore=1
NodeName=gpu[1-2] NodeHostname={host} NodeAddr=127.0.0.1 Port=[17001-17002] Gres=gpu:a100:2
NodeName=dead[1-2] NodeHostname={host} NodeAddr=127.0.0.1 Port=[17011-17012] Gres=gpu:a100:2
NodeName=orphan[1-2] NodeHostname={host} NodeAddr=127.0.0.1 Port=[17021-17022] Gres=gpu:a100:2
NodeName=pre1[1-2] NodeHostname={host} NodeAddr=127.0.0.1 Port=[17031-17032] Gres=gpu:a100:2
NodeName=pre2[1-2] NodeHostname={host} NodeAddr=127.0.0.1 Port=[17041-17042] Gres=gpu:a100:2
NodeName=cpu1 NodeHostname={host} NodeAddr=127.0.0.1 Port=17101
PartitionName=DEFAULT MaxTime=02:00:00 DefaultTime=00:10:00 State=UP
PartitionName=gpu Nodes=gpu[1-2]
# Each test that disturbs nodes has a partition of its own, so that several can run at once.
PartitionName=dead Nodes=dead[1-2]
PartitionName=orphan Nodes=orphan[1-2]
PartitionName=urgent1 Nodes=pre1[1-2] PriorityTier=10 PreemptMode=off
# A job has some seconds to end by itself, as on most sites that preempt.
PartitionName=preempt1 Nodes=pre1[1-2] PriorityTier=1 PreemptMode=requeue GraceTime=20
PartitionName=urgent2 Nodes=pre2[1-2] PriorityTier=10 PreemptMode=off
PartitionName=preempt2 Nodes=pre2[1-2] PriorityTier=1 PreemptMode=requeue
PartitionName=cpu Nodes=cpu1 MaxTime=01:00:00 Default=YES
"""
GRES_CONF = """{mark}
AutoDetect=off
NodeName={gpu_nodes} Name=gpu Type=a100 File={folder}/dev/gpu[0-1]
"""
SLURMDBD_CONF = """{mark}
AuthType=auth/munge
DbdHost={host}
DbdAddr=127.0.0.1
DbdPort=16819
SlurmUser=root
LogFile={folder}/log/slurmdbd.log
PidFile={folder}/run/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=slurm
StoragePass={password}
StorageLoc=slurm_acct_db
"""
CGROUP_CONF = """{mark}
CgroupPlugin=cgroup/v1
"""


def refusal() -> str | None:
    """Why no test cluster can be started here; None when one can."""
    missing = [name for name in ("slurmctld", "slurmd", "slurmdbd", "mariadbd", "munged")]
    missing = [name for name in missing if not shutil.which(name, path="/usr/sbin:/usr/bin")]
    if os.geteuid() != 0:
        return "a test cluster needs root"
    if missing:
        return f"no {', '.join(missing)} here; apt-get install {PACKAGES}"
    for file in (ETC / name for name in CONFIGURATION):
        if file.exists() and not _is_ours(file):
            return f"{file} belongs to a site's own SLURM; the tests leave it alone"
    return None


def up(folder: Path) -> None:
    """Start the cluster; its state, logs and pids lie in ``folder``. Raises SystemExit."""
    if refusal():
        sys.exit(f"error: {refusal()}")
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("state", "run", "log", "dev", *(f"spool/{node}" for node in NODES)):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number in range(2):
        device = folder / "dev" / f"gpu{number}"
        if not device.exists():
            os.mknod(device, 0o20666, os.makedev(195, number))
    _configure(folder)
    _start_munge(folder)
    _start_accounting(folder)
    _run("slurmctld")
    _wait("slurmctld", lambda: _quiet("scontrol", "ping") and _quiet("sinfo"))
    for node in NODES:
        start_node(node)
    _wait("nodes", lambda: node_states() == {"idle"})


def start_node(node: str) -> None:
    """Start the daemon of one virtual node."""
    _run("slurmd", "-N", node)


def node_states(*nodes: str) -> set[str]:
    """States of some nodes, of all without any, each once."""
    command = ["sinfo", "-h", "-N", "-o", "%t", *(["-n", ",".join(nodes)] if nodes else [])]
    return set(subprocess.run(command, capture_output=True, text=True).stdout.split())


def down(folder: Path) -> None:
    """Stop what ``up`` started, by pid, and take its configuration away."""
    subprocess.run(["scancel", "--user=root"], capture_output=True)
    pids = sorted((folder / "run").glob("slurmd.*.pid"))
    pids += [folder / "run/slurmctld.pid", folder / "run/slurmdbd.pid"]
    for file in [*pids, folder / "mysql/mariadbd.pid", folder / "run/munged.pid"]:
        if not file.exists() or not file.read_text().strip():
            continue
        pid = int(file.read_text())
        try:
            os.kill(pid, signal.SIGTERM)
            _wait(f"end of {file.name}", lambda pid=pid: not alive(pid), seconds=20)
        except ProcessLookupError:
            pass
        file.unlink(missing_ok=True)
    for file in (ETC / name for name in CONFIGURATION):
        if file.exists() and _is_ours(file):
            file.unlink()


def _is_ours(file: Path) -> bool:
    return file.read_text(errors="replace").startswith(MARK)


def _configure(folder: Path) -> None:
    # In /etc/slurm, since the plugin's job step drops SLURM_CONF from the environment.
    ETC.mkdir(exist_ok=True)
    words = {
        "mark": MARK,
        "folder": folder,
        "host": socket.gethostname().split(".")[0],
        "password": os.urandom(8).hex(),
        "gpu_nodes": ",".join(GPU_NODES),
    }
    texts = (SLURM_CONF, GRES_CONF, SLURMDBD_CONF, CGROUP_CONF)
    for name, text in zip(CONFIGURATION, texts, strict=True):
        file = ETC / name
        file.touch(mode=0o600)
        file.write_text(text.format(**words))
        file.chmod(0o600 if name == "slurmdbd.conf" else 0o644)
    (folder / "password").touch(mode=0o600)
    (folder / "password").write_text(words["password"])


def _start_munge(folder: Path) -> None:
    """Start munge unless it runs already: then it is someone else's, and stays."""
    if _quiet("munge", "-n", stdin=subprocess.DEVNULL):
        return
    key = Path("/etc/munge/munge.key")
    if not key.exists():
        key.touch(mode=0o400)
        key.write_bytes(os.urandom(1024))
        shutil.chown(key, "munge", "munge")
    for place in ("/run/munge", "/var/log/munge", "/var/lib/munge"):
        Path(place).mkdir(exist_ok=True)
        shutil.chown(place, "munge", "munge")
        os.chmod(place, 0o755)
    pid_file = Path("/run/munge/munged.pid")
    _run("runuser", "-u", "munge", "--", "/usr/sbin/munged", f"--pid-file={pid_file}")
    _wait("munge", lambda: _quiet("munge", "-n", stdin=subprocess.DEVNULL))
    # By which ``down`` knows that it was started here; munge itself could not write there.
    (folder / "run/munged.pid").write_text(pid_file.read_text())


def _start_accounting(folder: Path) -> None:
    try:
        pwd.getpwnam("mysql")
    except KeyError:  # mariadb-server-core leaves it out
        _run("useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", "mysql")
    data = folder / "mysql"
    if not data.exists():
        data.mkdir()
        shutil.chown(data, "mysql", "mysql")
        # The server runs as mysql and must reach its folder.
        for parent in data.parents:
            parent.chmod(parent.stat().st_mode | 0o111)
        _run(
            "mariadb-install-db",
            "--no-defaults",
            "--user=mysql",
            f"--datadir={data}",
            "--auth-root-authentication-method=socket",
            "--skip-test-db",
        )
    Path(SOCKET).parent.mkdir(exist_ok=True)
    shutil.chown(Path(SOCKET).parent, "mysql", "mysql")
    with open(folder / "log/mariadbd.log", "w") as log:
        subprocess.Popen(
            [
                "/usr/sbin/mariadbd",
                "--no-defaults",
                "--user=mysql",
                f"--datadir={data}",
                f"--socket={SOCKET}",
                f"--pid-file={data}/mariadbd.pid",
                "--skip-networking",
                "--innodb-buffer-pool-size=64M",
                "--innodb-lock-wait-timeout=900",
                "--innodb-flush-log-at-trx-commit=0",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    client = ("mariadb", "--no-defaults", "-S", SOCKET, "-e")
    _wait("mariadb", lambda: _quiet(*client, "select 1"))
    password = (folder / "password").read_text()
    _run(
        *client,
        "create database if not exists slurm_acct_db;"
        f"create or replace user slurm@localhost identified by '{password}';"
        "grant all on slurm_acct_db.* to slurm@localhost;",
    )
    _run("slurmdbd")
    _wait("slurmdbd", lambda: _quiet("sacctmgr", "-n", "list", "cluster"))
    _quiet("sacctmgr", "-i", "add", "cluster", "mtkdtest")
    _quiet("sacctmgr", "-i", "add", "account", "study", "cluster=mtkdtest")
    _quiet("sacctmgr", "-i", "add", "user", "root", "account=study", "cluster=mtkdtest")
    # A QOS of few jobs, for those that ask for it.
    _quiet("sacctmgr", "-i", "add", "qos", "few", "set", f"MaxSubmitJobsPerUser={FEW}")
    _quiet("sacctmgr", "-i", "modify", "user", "root", "set", "QOS+=few")


def _run(*command: str) -> None:
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    done = subprocess.run(command, env={**os.environ, "PATH": path}, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"error: {' '.join(command)}: {done.stderr or done.stdout}")


def _quiet(*command: str, **options) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, timeout=5, **options)
    except (subprocess.TimeoutExpired, FileNotFoundError):
        return False
    return done.returncode == 0


def _wait(what: str, ready, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            sys.exit(f"error: {what}: not there after {seconds:.0f} s")
        time.sleep(0.1)


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended but was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    if sys.argv[1:] == ["packages"]:
        print(PACKAGES)
        sys.exit()
    if len(sys.argv) != 3 or sys.argv[1] not in ("up", "down"):
        sys.exit(__doc__)
    (up if sys.argv[1] == "up" else down)(Path(sys.argv[2]).resolve())

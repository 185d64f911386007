"""The device a process computes on, and what makes its numbers repeatable."""

from __future__ import annotations

import fcntl
import os
import platform
import re
import resource
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import torch

from mtkd.errors import InputError

# Where the driver says which one it is.
DRIVER = Path("/proc/driver/nvidia/version")
# The oldest driver that takes builds of each CUDA version (NVIDIA's release notes of CUDA).
OLDEST_DRIVER = {"11": 450, "12": 525, "13": 580}


def prepare_device(threads: int, gpus: int, allow_cpu: bool = False) -> torch.device:
    """Fix the thread count and prefer deterministic kernels; a GPU if asked for.

    A job that asked for none leaves them to those that did: Snakemake counts only what is asked.
    Raises InputError where one was asked for and none can be used, unless ``allow_cpu``: a training
    that is made for a GPU would spend days on the processor.
    """
    torch.set_num_threads(threads)
    if not gpus:
        return torch.device("cpu")
    # Before the first kernel, which would settle how cuBLAS works.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if fault := gpu_fault():
        if not allow_cpu:
            raise InputError(f"{fault}; or compute on the CPU: --config allow_cpu=true")
        print(f"{fault}; computing on the CPU, as allow_cpu says", file=sys.stderr, flush=True)
        return torch.device("cpu")
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Filling every new tensor before it is written is for finding bugs, and costs a kernel each.
    torch.utils.deterministic.fill_uninitialized_memory = False
    # Their backward passes are not deterministic, and a warning does not keep them from being
    # chosen. Flash attention would be, for batches without padding alone.
    torch.backends.cuda.enable_flash_sdp(False)
    torch.backends.cuda.enable_mem_efficient_sdp(False)
    torch.backends.cuda.enable_cudnn_sdp(False)
    # TF32 for what is computed in float32: ten bits of mantissa, where bfloat16 has seven.
    torch.set_float32_matmul_precision("high")
    return torch.device("cuda")


def gpu_fault() -> str | None:
    """Take a free GPU and try it; None, or one line on why none can be used and what to do."""
    if not (torch.version.cuda or torch.version.hip):
        return (
            f"no usable GPU: torch {torch.__version__} is a build without CUDA; install a CUDA "
            "build (docs/cluster.md, GPUs)"
        )
    try:
        if count := torch.cuda.device_count():
            torch.cuda.set_device(free_device(count, Path(tempfile.gettempdir())))
        # A device that is listed can still be one that this build has no kernels for.
        torch.ones(1, device="cuda").add_(1).item()
    except (RuntimeError, AssertionError) as error:
        # Its first sentence: what follows tells how to debug CUDA.
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].split(". ")[0]
        return f"no usable GPU: {build_and_driver()}: {reason.rstrip('.')}; {_remedy(reason)}"
    return None


def build_and_driver() -> str:
    """Torch's build, the driver, and GPU and capability as far as they can be told, for people."""
    cuda = f"CUDA {torch.version.cuda}" if torch.version.cuda else f"ROCm {torch.version.hip}"
    parts = [f"torch {torch.__version__} ({cuda})", f"driver {driver_version() or 'none'}"]
    try:
        if torch.cuda.device_count():
            major, minor = torch.cuda.get_device_capability()
            parts.append(f"{torch.cuda.get_device_name()} of capability {major}.{minor}")
    except (RuntimeError, AssertionError):
        pass  # a driver that is too old does not tell
    return ", ".join(parts)


def driver_version() -> str | None:
    """The NVIDIA driver of this machine, such as "580.65.06"; None without one."""
    try:
        found = re.search(r"Kernel Module.*?\s(\d+(\.\d+)+)", DRIVER.read_text(encoding="utf-8"))
    except OSError:
        return None
    return found[1] if found else None


def _remedy(reason: str) -> str:
    """What to do about a GPU that torch cannot use, by torch's own words and the versions here."""
    build, driver = torch.version.cuda, driver_version()
    if "no kernel image" in reason:
        known = ", ".join(torch.cuda.get_arch_list())
        return f"this build is for {known}; install one for the GPU's capability"
    if build and driver:
        oldest = OLDEST_DRIVER.get(build.split(".")[0], 0)
        if int(driver.split(".")[0]) < oldest:
            return (
                f"CUDA {build} needs driver {oldest} or newer; install a build of an older CUDA "
                "(docs/cluster.md, GPUs)"
            )
    if build and not driver:
        return "this machine has no NVIDIA driver; is the job's partition one with GPUs?"
    if not torch.cuda.device_count():
        shown = os.environ.get("CUDA_VISIBLE_DEVICES")
        return (
            f"the job is shown no GPU (CUDA_VISIBLE_DEVICES is {shown!r}); see that the site's "
            "profile asks for one as the site wants it"
        )
    return "see the machine with nvidia-smi, and try again or elsewhere"


def free_device(count: int, folder: Path) -> int:
    """Index of a visible GPU that no other job of this user on this machine has taken.

    A scheduler shows a job its own GPU alone. On one machine with several, jobs that run side by
    side each lock a file in ``folder`` for as long as they live; when all are taken, the first.
    """
    shown = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    names = shown.split(",") if shown else [str(index) for index in range(count)]
    for index in range(count):
        # A part of a GPU can be called MIG-GPU-.../1/0.
        name = names[index].replace("/", "_")
        lock = folder / f"mtkd-{os.getuid()}-gpu-{name}.lock"
        # Never closed, so that the lock lasts as long as the process.
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        return index
    return 0


def computed_in(device: torch.device, precision: str) -> str:
    """What a training's products are computed in: "bfloat16", "tf32" or "float32".

    Of one configured ``precision``, kinds of GPU make different ones.
    """
    if device.type != "cuda":
        return "float32"
    if precision == "auto" and torch.cuda.is_bf16_supported(including_emulation=False):
        return "bfloat16"
    fast = torch.get_float32_matmul_precision() != "highest"
    return "tf32" if fast and torch.cuda.get_device_capability(device) >= (8, 0) else "float32"


def autocast(device: torch.device, precision: str) -> AbstractContextManager:
    """bfloat16 where ``precision`` is "auto" and the device computes in it natively."""
    enabled = computed_in(device, precision) == "bfloat16"
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled)


@contextmanager
def exact_float32() -> Iterator[None]:
    """All of float32's mantissa, also on a GPU, for a comparison rather than for speed."""
    precision, convolutions = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(precision)
        torch.backends.cudnn.allow_tf32 = convolutions


def device_name(device: torch.device) -> str:
    """A name for records: the GPU's, or "cpu"."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def peak_memory_mb(device: torch.device) -> int:
    """Highest memory so far, in MiB: the GPU's allocations, or this process's resident set."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device) // 2**20)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def machine(device: torch.device, precision: str) -> dict[str, str | int]:
    """What a training's numbers depend on, bit for bit, besides its settings, code and data."""
    facts = {"device": device_name(device), "precision": computed_in(device, precision)}
    if device.type == "cpu":
        facts |= {"processor": processor(), "threads": torch.get_num_threads()}
    return {**facts, "torch": torch.__version__}


def processor() -> str:
    """The model of this machine's processor; "unknown" where the system does not tell."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    found = re.search(r"^model name\s*: (.*)$", text, flags=re.MULTILINE)
    return found[1] if found else platform.machine() or "unknown"


def provenance(machines: list[dict]) -> dict:
    """Devices, precision and versions, for records; reported, never compared.

    ``machines`` are those that a training ran on, in order: it can go on on another kind.
    """
    import transformers

    return {
        **{
            name: " + ".join(dict.fromkeys(one[name] for one in machines if name in one)) or None
            for name in ("device", "precision", "processor")
        },
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
    }

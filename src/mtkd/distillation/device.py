"""The device a process computes on, and what makes its numbers repeatable."""

from __future__ import annotations

import fcntl
import os
import resource
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import torch


def prepare_device(threads: int, gpus: int) -> torch.device:
    """Fix the thread count and prefer deterministic kernels; a GPU if asked for, and there.

    A job that asked for none leaves them to those that did: Snakemake counts only what is asked.
    """
    torch.set_num_threads(threads)
    if not gpus or not torch.cuda.is_available():
        return torch.device("cpu")
    torch.cuda.set_device(free_device(torch.cuda.device_count(), Path(tempfile.gettempdir())))
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Filling every new tensor before it is written is for finding bugs, and costs a kernel each.
    torch.utils.deterministic.fill_uninitialized_memory = False
    # Their backward passes are not deterministic, and a warning does not keep them from being
    # chosen.
    torch.backends.cuda.enable_mem_efficient_sdp(False)
    torch.backends.cuda.enable_cudnn_sdp(False)
    # TF32 for what is computed in float32: ten bits of mantissa, where bfloat16 has seven.
    torch.set_float32_matmul_precision("high")
    return torch.device("cuda")


def free_device(count: int, folder: Path) -> int:
    """Index of a visible GPU that no other job of this user on this machine has taken.

    A scheduler shows a job its own GPU alone. On one machine with several, jobs that run side by
    side each lock a file in ``folder`` for as long as they live; when all are taken, the first.
    """
    shown = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    names = shown.split(",") if shown else [str(index) for index in range(count)]
    for index in range(count):
        lock = folder / f"mtkd-{os.getuid()}-gpu-{names[index]}.lock"
        # Never closed, so that the lock lasts as long as the process.
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        return index
    return 0


def autocast(device: torch.device, precision: str) -> AbstractContextManager:
    """bfloat16 where ``precision`` is "auto" and the device computes in it natively."""
    native = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    enabled = precision == "auto" and native
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


def provenance(device: torch.device) -> dict:
    """Device and versions, for records; reported, never compared."""
    import transformers

    return {
        "device": device_name(device),
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
    }

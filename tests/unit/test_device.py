"""The device of a job: why a GPU that was asked for cannot be used, and what is done then."""

import numpy as np
import pytest
import torch

from mtkd.distillation import device, smoke
from mtkd.distillation.device import (
    computed_in,
    driver_version,
    gpu_fault,
    machine,
    prepare_device,
    provenance,
)
from mtkd.distillation.smoke import try_step
from mtkd.distillation.training import Outcome
from mtkd.errors import InputError

CPU = torch.device("cpu")
OPEN = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (x)\n"
OLD = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\n"
# Torch's own words.
NO_DRIVER = "Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU."
TOO_OLD = "The NVIDIA driver on your system is too old (found version 12020). Please update it."
NONE_SHOWN = "No CUDA GPUs are available"
NO_KERNEL = (
    "CUDA error: no kernel image is available for execution on the device\n"
    "CUDA kernel errors might be asynchronously reported at some other API call."
)
BUSY = "CUDA error: CUDA-capable device(s) is/are busy or unavailable\nFor debugging, ..."


@pytest.fixture
def node(monkeypatch, tmp_path):
    """A machine with a CUDA build of torch, a driver, and GPUs that fail as they are told."""

    def make(driver=OPEN, gpus=1, failure=None, cuda="13.0"):
        if driver:
            (tmp_path / "version").write_text(driver)
        monkeypatch.setattr(device, "DRIVER", tmp_path / "version")
        monkeypatch.setattr(device, "free_device", lambda count, folder: count - 1)
        monkeypatch.setattr(torch.version, "cuda", cuda)
        for name, value in {
            "device_count": gpus,
            "get_device_capability": (7, 0),
            "get_device_name": "Tesla V100-SXM2-16GB",
            "get_arch_list": ["sm_75", "sm_80"],
        }.items():
            monkeypatch.setattr(torch.cuda, name, lambda *_, value=value: value)
        monkeypatch.setattr(torch.cuda, "set_device", taken.append)

        def ones(*_, **__):
            if failure:
                raise RuntimeError(failure)
            return torch.zeros(1)

        monkeypatch.setattr(torch, "ones", ones)

    taken = []
    make.taken = taken
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    return make


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"cuda": None}, ["a build without CUDA", "install a CUDA build (docs/cluster.md"]),
        (
            {"driver": None, "gpus": 0, "failure": NO_DRIVER},
            ["(CUDA 13.0), driver none: Found no NVIDIA driver", "is the job's partition one with"],
        ),
        (
            {"driver": OLD, "gpus": 0, "failure": TOO_OLD},
            ["driver 535.104.05: ", "too old", "CUDA 13.0 needs driver 580 or newer; install"],
        ),
        ({"gpus": 0, "failure": NONE_SHOWN}, ["driver 580.65.06", "CUDA_VISIBLE_DEVICES is ''"]),
        (
            {"failure": NO_KERNEL},
            ["V100-SXM2-16GB of capability 7.0", "no kernel image", "is for sm_75, sm_80; install"],
        ),
        ({"failure": BUSY}, ["busy or unavailable", "nvidia-smi"]),
    ],
    ids=["CPU build", "no driver", "old driver", "none shown", "old GPU", "busy"],
)
def test_a_gpu_that_cannot_be_used_is_explained_in_one_line(node, capfd, facts, words):
    node(**facts)
    fault = gpu_fault()
    assert fault.startswith(f"no usable GPU: torch {torch.__version__}")
    assert "\n" not in fault and "debugging" not in fault and "asynchronously" not in fault
    assert [word for word in words if word not in fault] == [], fault
    with pytest.raises(InputError) as error:
        prepare_device(1, gpus=1)
    assert str(error.value) == f"{fault}; or compute on the CPU: --config allow_cpu=true"
    assert prepare_device(1, gpus=1, allow_cpu=True) == CPU
    assert capfd.readouterr().err == f"{fault}; computing on the CPU, as allow_cpu says\n"


def test_a_free_gpu_is_taken_before_it_is_tried(node):
    node(gpus=4)
    assert gpu_fault() is None
    assert node.taken == [3]


def test_who_asks_for_no_gpu_is_told_nothing(node, capfd):
    node(failure=BUSY)
    assert prepare_device(1, gpus=0) == CPU
    assert node.taken == [] and capfd.readouterr().err == ""


def test_a_machine_without_driver_has_none(monkeypatch, tmp_path):
    monkeypatch.setattr(device, "DRIVER", tmp_path / "absent")
    assert driver_version() is None


@pytest.mark.parametrize(
    ("capability", "bf16", "auto", "fp32"),
    [((8, 0), True, "bfloat16", "tf32"), ((7, 5), False, "float32", "float32")],
    ids=["A100", "T4"],
)
def test_kinds_of_gpu_compute_one_setting_in_different_precision(
    monkeypatch, capability, bf16, auto, fp32
):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: bf16)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    monkeypatch.setattr(torch, "get_float32_matmul_precision", lambda: "high")
    gpu = torch.device("cuda")
    assert (computed_in(gpu, "auto"), computed_in(gpu, "fp32")) == (auto, fp32)
    assert computed_in(CPU, "auto") == "float32"


def test_a_record_names_every_machine_that_a_training_ran_on():
    here = machine(CPU, "auto")
    assert (here["device"], here["precision"]) == ("cpu", "float32")
    assert here["processor"] and here["threads"] == torch.get_num_threads()
    alone = provenance([here])
    assert [alone[key] for key in ("device", "processor")] == ["cpu", here["processor"]]
    gpu = {"device": "NVIDIA A100", "precision": "bfloat16", "torch": "2"}
    both = provenance([gpu, {**gpu, "torch": "3"}, here])
    assert (both["device"], both["precision"]) == ("NVIDIA A100 + cpu", "bfloat16 + float32")
    assert provenance([gpu])["processor"] is None


def test_a_smoke_step_trains_and_predicts_on_the_device():
    loss, seconds = try_step(CPU)
    assert 0 < loss < 5 and seconds > 0


def test_a_smoke_step_refuses_numbers_that_are_not_finite(monkeypatch):
    fault = Outcome("finished", None, None, [{"loss": 0.5}], 1.0, 1.0, 1.0, [])
    monkeypatch.setattr(smoke, "train", lambda *_, **__: fault)
    monkeypatch.setattr(smoke, "predict", lambda *_: np.array([[np.nan, 0]]))
    with pytest.raises(InputError, match="not finite"):
        try_step(CPU)

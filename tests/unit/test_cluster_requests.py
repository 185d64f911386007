"""What a job asks of SLURM for GPUs, and how early it is told of its time limit."""

import pytest
import torch
from safetensors.torch import save_file

from mtkd.cluster.requests import gpu_mistake, gpu_options, state_megabytes, warning_seconds
from mtkd.errors import InputError


@pytest.mark.parametrize(
    ("resources", "options"),
    [
        ({}, ""),
        ({"gpu": 0}, ""),
        ({"gpu": 1}, " --gpus=1"),
        ({"gpu": 1, "gpu_model": "a100"}, " --gpus=a100:1"),
        ({"gpu": 1, "gpu_model": "h100-80gb"}, " --gpus=h100-80gb:1"),
        ({"gpu_model": "1g.10gb"}, " --gpus=1g.10gb:1"),
        # A gres that names GPUs is all that is sent; another goes beside them.
        ({"gpu": 1, "gres": "gpu:1"}, " --gres=gpu:1"),
        ({"gpu": 1, "gpu_model": "a100", "gres": "gpu:h100-80gb:1"}, " --gres=gpu:h100-80gb:1"),
        ({"gpu": 1, "gres": "gpu:a100:1,tmpfs:20G"}, " --gres=gpu:a100:1,tmpfs:20G"),
        ({"gpu": 1, "gres": "tmpfs:20G"}, " --gres=tmpfs:20G --gpus=1"),
    ],
)
def test_options_of_sbatch(resources, options):
    assert gpu_options(resources) == options


@pytest.mark.parametrize(
    ("resources", "word"),
    [
        ({"gres": "gpu:1; rm -r /"}, "gres: 'gpu:1; rm -r /' is not"),
        ({"gres": "'gpu:1'"}, "gres"),
        ({"gpu": 1, "gpu_model": "a100 --now"}, "gpu_model: 'a100 --now'"),
        ({"gpu": "a100:1"}, "gpu: 'a100:1' is not a number"),
    ],
)
def test_what_a_shell_would_act_on_is_refused(resources, word):
    with pytest.raises(InputError, match=word):
        gpu_options(resources)
    assert gpu_mistake({"train_teacher": resources}).startswith(f"train_teacher: {word}")


@pytest.mark.parametrize(
    ("resources", "refused"),
    [
        ({}, False),
        ({"gpu": 1}, False),
        ({"gpu": 2}, True),
        ({"gpu": 1, "gres": "gpu:a100:2"}, True),
        ({"gres": "gpu:2"}, True),
        ({"gres": "gpu:a100"}, False),
        ({"gpu": 1, "gres": "shard:4"}, False),
    ],
)
def test_gpus_that_would_idle(resources, refused):
    said = gpu_mistake({"prepare_task": {}, "train_teacher": resources})
    assert (said is not None) is refused
    assert said is None or said.startswith("train_teacher asks for 2 GPUs")


def test_the_size_of_a_state_is_read_from_the_weights(tmp_path):
    weights = tmp_path / "model.safetensors"
    save_file({"a": torch.zeros(1000, 300), "b": torch.zeros(250_000, dtype=torch.half)}, weights)
    # Two moments and the best epoch beside the weights, all in float32.
    assert state_megabytes([weights]) == 550_000 * 16 // 10**6
    for other in (b"\xff" * 20, b"version https://git-lfs.github.com/spec/v1"):
        weights.write_bytes(other)
        assert state_megabytes([weights]) == 0
    assert state_megabytes([]) == 0


@pytest.mark.parametrize(
    ("megabytes", "minutes", "seconds"),
    [
        (0, 720, 0),
        (500, 720, 0),
        (1060, 720, 90),
        # A RoBERTa-large: 355 million parameters.
        (5680, 720, 180),
        (5680, 2, 30),
        (5680, None, 0),
    ],
)
def test_large_states_get_the_time_to_be_written(megabytes, minutes, seconds):
    assert warning_seconds(megabytes, minutes) == seconds

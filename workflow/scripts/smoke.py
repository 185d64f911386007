"""Try one training step where this job runs, and say in one line what it ran on."""

import argparse
import os
import socket
from pathlib import Path

from mtkd.errors import run
from mtkd.study.jobs import machine_arguments


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    machine_arguments(parser)
    parser.add_argument("--stages", nargs="+", required=True, help="whose jobs come here")
    parser.add_argument("--output", type=Path, required=True, help="text file")
    args = parser.parse_args()

    import torch

    from mtkd.distillation.device import build_and_driver, machine, prepare_device
    from mtkd.distillation.smoke import try_step
    from mtkd.records.files import write_text

    device = prepare_device(args.threads, args.gpu, args.allow_cpu)
    loss, seconds = try_step(device)
    place = os.environ.get("SLURM_JOB_PARTITION")
    where = f"{socket.gethostname()}{f' of partition {place}' if place else ''}"
    build = build_and_driver() if device.type == "cuda" else f"torch {torch.__version__}"
    here = machine(device, "auto")
    line = f"{where}: {here['device']}, {build}: one step in {here['precision']}, "
    line += f"loss {loss:.3f}, in {seconds:.1f} s; for {', '.join(args.stages)}"
    print(line)
    write_text(args.output, f"{line}\n")


if __name__ == "__main__":
    run(main)

"""End the SLURM jobs that killed runs left in this folder; ``recover`` also takes their locks away.

python -m mtkd.cluster {cancel,recover}
"""

import argparse
from pathlib import Path

from mtkd.cluster.heads import end_jobs, recover
from mtkd.errors import run

ACTS = {"cancel": end_jobs, "recover": recover}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], prog="mtkd.cluster")
    parser.add_argument("act", choices=ACTS)
    print(ACTS[parser.parse_args().act](Path.cwd()))


if __name__ == "__main__":
    run(main)

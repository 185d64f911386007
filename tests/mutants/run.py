"""Plant each fault of mutants.toml in a copy of the project and see that the tests notice.

    python tests/mutants/run.py [--slurm] [WORDS ...]

WORDS choose mutants whose promise holds them; --slurm takes those that need a cluster instead. A
mutant that lives is named with its promise, and the exit status is 1. First the tests run on the
project as it is: one that fails there would kill anything.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("words", nargs="*", help="of the promises to try")
    parser.add_argument("--slurm", action="store_true", help="those that need a cluster")
    parser.add_argument("--workers", type=int, default=2, help="mutants tried at a time")
    args = parser.parse_args()
    mutants = tomllib.loads((Path(__file__).with_name("mutants.toml")).read_text())["mutant"]
    mutants = [
        mutant
        for mutant in mutants
        if mutant.get("slurm", False) == args.slurm
        and all(word in mutant["promise"] for word in args.words)
    ]
    if not mutants:
        sys.exit(f"error: no mutant's promise holds {' '.join(args.words)!r}")
    selections = {tuple(mutant["tests"]): None for mutant in mutants}
    with ThreadPoolExecutor(1 if args.slurm else args.workers) as pool:
        healthy = pool.map(lambda tests: (tests, passes(tests, None)), selections)
        if failing := [" ".join(tests) for tests, passed in healthy if not passed]:
            sys.exit(f"error: these fail without any mutant: {', '.join(failing)}")
        alive = 0
        for mutant, lives in zip(
            mutants, pool.map(lambda mutant: passes(mutant["tests"], mutant), mutants), strict=True
        ):
            print(f"{'ALIVE ' if lives else 'killed'}  {mutant['promise']}", flush=True)
            alive += lives
    print(f"{len(mutants) - alive} of {len(mutants)} killed")
    sys.exit(alive > 0)


def passes(tests: list[str] | tuple[str, ...], mutant: dict | None) -> bool:
    """Whether these tests pass in a copy of the project with this fault."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy = Path(folder) / "project"
        tracked = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
            text=True,
        ).stdout.split("\0")
        for name in filter(None, tracked):
            if (ROOT / name).exists():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, copy / name)
        if mutant:
            plant(copy / mutant["file"], mutant)
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
        environment = {**os.environ, "PYTHONPATH": str(copy / "src"), "TMPDIR": folder}
        # Folders of tests that fail, which are kept, go with it.
        environment["PYTEST_DEBUG_TEMPROOT"] = folder
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True)
    # 1: tests failed. Anything else but 0 is a mistake in this list: nothing was tested.
    if done.returncode not in (0, 1):
        sys.exit(f"error: {' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.returncode == 0


def plant(file: Path, mutant: dict) -> None:
    text = file.read_text(encoding="utf-8")
    if text.count(mutant["old"]) != 1:
        sys.exit(
            f"error: {mutant['file']} holds the line of {mutant['promise']!r} "
            f"{text.count(mutant['old'])} times, not once: {mutant['old']!r}"
        )
    file.write_text(text.replace(mutant["old"], mutant["new"]), encoding="utf-8")


if __name__ == "__main__":
    main()

"""The one exception that means "the user's input is wrong", and how scripts report it."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Callable


class InputError(Exception):
    """Bad input from outside: one line that says what is wrong, where, and what to do."""


def run(main: Callable[[], None]) -> None:
    """Run a script's ``main``; an ``InputError`` ends it with its one line and exit status 1.

    So does code that has changed since the run began whose job the script is.
    """
    # Here, since it needs this module.
    from mtkd.study.started import check_script

    # Importing libraries makes a million objects and hardly any garbage: looking for it among every
    # few hundred new ones is a sixth of the import.
    gc.set_threshold(20_000)
    # And at its end the interpreter looks through all that is left, which with torch takes it two
    # seconds: not through what is frozen.
    atexit.register(gc.freeze)
    try:
        check_script(os.path.basename(sys.argv[0]))
        main()
    except InputError as error:
        sys.exit(f"error: {error}")

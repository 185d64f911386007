"""What Snakemake works out anew in each process, kept for the session's others, or done faster.

Rules are the same in every test, and so is what they are compiled to; settings are read by the
library in C; what a function takes, which Snakemake asks at each call, is asked once.
"""

from __future__ import annotations

import functools
import hashlib
import marshal
import os
import sys
from pathlib import Path
from types import CodeType

import yaml

# In kept code, where the file lies.
PLACE = "<where the file lies>"


class Parsed(str):
    """What a file is parsed to, as far as it is read: what that is compiled to."""

    compiled: CodeType


def keep_in(folder: Path) -> None:
    """Have Snakemake look in ``folder`` for what a file is compiled to, and leave it there."""
    import snakemake.workflow

    parse = snakemake.workflow.parse

    def kept(path, workflow, linemap, overwrite_shellcmd=None, rulecount=0):
        place = path.get_path_or_uri(secret_free=True)
        odd = not os.path.isabs(place) or repr(place)[1:-1] != place
        if linemap or overwrite_shellcmd or odd:
            return parse(path, workflow, linemap, overwrite_shellcmd, rulecount)
        key = hashlib.sha256(Path(place).read_bytes() + b"\0%d" % rulecount).hexdigest()
        file = folder / key
        if not file.exists():
            text, count = parse(path, workflow, linemap, rulecount=rulecount)
            compiled = compile(text.replace(place, PLACE), PLACE, "exec")
            part = folder / f"{key}.{os.getpid()}"
            part.write_bytes(marshal.dumps((compiled, count, linemap)))
            part.rename(file)
        compiled, count, lines = marshal.loads(file.read_bytes())
        linemap.update(lines)
        code = Parsed()
        code.compiled = _moved(compiled, place)
        return code, count

    def compiled(source, *arguments):
        return source.compiled if isinstance(source, Parsed) else compile(source, *arguments)

    snakemake.workflow.parse = kept
    # Found before Python's own, by the one place that calls it.
    snakemake.workflow.compile = compiled


def _moved(code: CodeType, place: str) -> CodeType:
    """Compiled code of a file that lies at ``place``."""

    def moved(value):
        if isinstance(value, CodeType):
            return _moved(value, place)
        return value.replace(PLACE, place) if isinstance(value, str) else value

    return code.replace(co_filename=place, co_consts=tuple(map(moved, code.co_consts)))


def read_settings_fast() -> None:
    """Have settings read by the library in C, and functions' parameters looked up once."""
    yaml.FullLoader = yaml.CFullLoader
    asked = sys.modules["snakemake.common"].get_function_params
    known = functools.cache(asked)
    for name, module in list(sys.modules.items()):
        if name.startswith("snakemake.") and vars(module).get(asked.__name__) is asked:
            setattr(module, asked.__name__, known)

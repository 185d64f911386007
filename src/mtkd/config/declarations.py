"""What a part's file declares of itself: constants in capitals, read without importing it.

Importing one would import numpy or torch, and every job of a run validates its config again.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mtkd.errors import InputError


def read_declarations(file: Path, kinds: Mapping[str, type | tuple[type, ...]]) -> dict[str, Any]:
    """The values of those constants of a file that ``kinds`` names, each of its type.

    Names that begin with an underscore are the file's own. Raises InputError for another constant
    in capitals, for one of another type, and for one that is computed.
    """
    found = {}
    try:
        body = ast.parse(file.read_text(encoding="utf-8")).body
    except (SyntaxError, ValueError) as error:
        raise InputError(f"{file}: is no Python ({' '.join(str(error).split())})") from None
    for node in body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                pass
            case _:
                continue
        if not name.isupper() or name.startswith("_"):
            continue
        if name not in kinds:
            raise InputError(
                f"{file}: {name} is nothing that is declared here; known: {', '.join(kinds)} (a "
                "constant of the file's own begins with an underscore)"
            )
        try:
            found[name] = ast.literal_eval(value)
        except (ValueError, TypeError):
            raise InputError(f"{file}: {name} must be written out, not computed") from None
        kind = kinds[name] if isinstance(kinds[name], tuple) else (kinds[name],)
        # A truth value is no number.
        if type(found[name]) not in kind:
            wanted = " or ".join(one.__name__ for one in kind)
            raise InputError(f"{file}: {name} is {found[name]!r}, which is no {wanted}")
    return found

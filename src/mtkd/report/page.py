"""Pages in HTML: one file each, with style and figures inside."""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def render(templates: Path, name: str, **values: Any) -> str:
    """The page of a template; text is escaped, and a value that a template lacks is an error."""
    return _environment(templates).get_template(name).render(values)


@cache
def _environment(templates: Path) -> Environment:
    """Which keeps the templates that it has compiled, while their files stay as they are."""
    return Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def data_address(png: Path) -> str:
    """A PNG as an address that holds its content."""
    return f"data:image/png;base64,{base64.b64encode(png.read_bytes()).decode()}"

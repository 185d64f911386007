"""The JSON schemas of suites' files, by which editors complete keys and mark mistakes as one types.

``config/suite.schema.json`` is what ``python -m mtkd.config.editors`` prints, and with
``generation`` or ``specialists`` behind it the schema of such suites beside it. They know less
than ``mtkd.config.load``: names that refer to each other, and what goes together, are for a dry
run.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from mtkd.config.generation import GenerationSuite
from mtkd.config.schema import Suite
from mtkd.config.specialists import SpecialistSuite
from mtkd.config.tasks import REST


def suite_schema() -> dict[str, Any]:
    """The schema, from the models in ``mtkd.config.schema``."""
    schema = Suite.model_json_schema()
    study = schema["$defs"]["Study"]
    # One student may be given by itself.
    study["properties"]["student"] = {"type": "string"}
    _either(study, ["student"], ["students"])
    return _finished(schema)


def specialists_schema() -> dict[str, Any]:
    """The schema of suites of specialists, from the models in ``mtkd.config.specialists``."""
    return _finished(SpecialistSuite.model_json_schema())


def _finished(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with what may be written of tasks, and of numbers, in other ways."""
    task = schema["$defs"]["Task"]
    # A variant has the rest from the task that it is of.
    task["properties"]["cluster"]["anyOf"].append({"type": "string"})
    # One source of transfer text may be given by itself, and the task's own rest by a word.
    source = [task["properties"]["transfer"]["items"], {"const": REST}]
    several = {"type": "array", "items": {"anyOf": source}}
    task["properties"]["transfer"] = {"anyOf": [*source, several]}
    _either(task, ["of"], task["required"])
    _texts_of_numbers(schema)
    return {"$schema": "http://json-schema.org/draft-07/schema#", **schema}


def generation_schema() -> dict[str, Any]:
    """The schema of suites of generation, from the models in ``mtkd.config.generation``."""
    schema = GenerationSuite.model_json_schema()
    _texts_of_numbers(schema)
    return {"$schema": "http://json-schema.org/draft-07/schema#", **schema}


def _either(model: dict[str, Any], one: list[str], other: list[str]) -> None:
    """Have a mapping take one set of keys or the other, and always the rest."""
    rest = [key for key in model["required"] if key not in (*one, *other)]
    model["required"] = rest
    model["anyOf"] = [{"required": one}, {"required": other}]


def _texts_of_numbers(part: Any) -> None:
    """A number may be written as a text: ``1e-5`` is one to YAML, and ``2h`` is a duration."""
    if isinstance(part, dict):
        if part.get("type") in ("number", "integer"):
            part["type"] = [part["type"], "string"]
        for value in part.values():
            _texts_of_numbers(value)
    elif isinstance(part, list):
        for value in part:
            _texts_of_numbers(value)


if __name__ == "__main__":
    schemas = {"generation": generation_schema, "specialists": specialists_schema}
    made = schemas[sys.argv[1]]() if sys.argv[1:] else suite_schema()
    print(json.dumps(made, indent=1))

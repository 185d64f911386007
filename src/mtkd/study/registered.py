"""What is registered of a study, whatever its kind: its axes, what it claims, its settings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from mtkd.records.files import digest_text
from mtkd.study.started import flat


def stated(
    study: Mapping[str, Any], axes: Sequence[str], settings: Mapping[str, Any], **claimed: Any
) -> dict[str, Any]:
    """A study's registration, JSON-ready: some of its own keys as they stand, what it claims, and
    all settings that its numbers depend on, nested, with their digest."""
    return {
        **{key: study[key] for key in axes},
        **claimed,
        "settings": dict(flat(settings)),
        "suite": digest_text(json.dumps(settings, sort_keys=True)),
    }

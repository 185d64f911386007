"""The router of a study's tasks, with its weights of all texts, published."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mtkd.records.files import digest_text
from mtkd.records.logits import write_tensors
from mtkd.records.runs import new_record
from mtkd.specialists.domains import LEARNT, REPORT, Domains, read_domains
from mtkd.specialists.routing import by_size, fit_router, held_out_weights, route
from mtkd.study.settings import canonical_json

# Of its folds and draws.
SEED = 0


def publish_router(job: Mapping[str, Any], folders: Sequence[Path], output: Path) -> None:
    """Fit a router on all texts of train, and publish its weights [N, K] of each split.

    Those of train are held out. Its record says how often it is right, how long it takes, and how
    that depends on the number of texts.
    """
    domains = read_domains(folders)
    train, report = _texts(domains, LEARNT), _texts(domains, REPORT)
    start = time.process_time()
    router = fit_router(train, domains.domain[LEARNT])
    fitted = time.process_time()
    weights = {REPORT: route(router, report)}
    routed = time.process_time()
    weights[LEARNT] = held_out_weights(train, domains.domain[LEARNT], SEED)
    right = {
        name: float((values.argmax(axis=1) == domains.domain[name]).mean())
        for name, values in weights.items()
    }
    sizes = by_size(train, domains.domain[LEARNT], report, domains.domain[REPORT], SEED)
    record = {
        **new_record("reference", teachers="+".join(domains.tasks)),
        "right": right,
        "sizes": [one._asdict() for one in sizes],
        "cpu_seconds": round(fitted - start, 4),
        "run_seconds": round(1000 * (routed - fitted) / len(report), 4),
        "digests": {
            "data": domains.info.digest,
            "code": digest_text(canonical_json(job["code"])),
        },
    }
    write_tensors(output, weights, record)


def _texts(domains: Domains, split: str) -> list[str]:
    """A split's texts; of pairs both, one behind the other."""
    own = domains.splits[split]
    if own.text_b is None:
        return own.text_a
    return [f"{a} {b}" for a, b in zip(own.text_a, own.text_b, strict=True)]

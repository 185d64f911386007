"""The ``evaluate.Metric`` modules kept in the repository, loaded by path."""

from __future__ import annotations

import sys
from functools import cache
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from mtkd.metrics.names import METRICS_FOLDER

if TYPE_CHECKING:
    import evaluate


def computed(name: str, outputs: np.ndarray, labels: np.ndarray) -> float:
    """A metric of one run by its module: predictions [N] or probabilities [N, C], labels [N]."""
    return float(_metric(name).compute(predictions=outputs, references=labels)[name])


@cache
def _metric(name: str) -> evaluate.Metric:
    """Load a metric module by path, without the network and without the user's cache folder.

    evaluate imports a copy of the module from its cache, by default in the home folder, which may
    be read-only or shared by many jobs. Here the copy lies in a folder of this process alone and
    goes away once imported; being a package of its own, it also leaves ``evaluate.load`` as it is
    for everybody else in the process.
    """
    _import_evaluate()
    from evaluate.loading import (
        evaluation_module_factory,
        import_main_class,
        init_dynamic_modules,
    )

    with TemporaryDirectory(prefix="mtkd-metric-") as folder:
        package = init_dynamic_modules(f"mtkd_metric_{name}", folder)
        try:
            module = evaluation_module_factory(
                str(METRICS_FOLDER / name), dynamic_modules_path=package
            )
            metric_class = import_main_class(module.module_path)
        finally:
            sys.path.remove(folder)
        return metric_class(keep_in_memory=True, cache_dir=folder, hash=module.hash)


def _import_evaluate() -> None:
    """Import evaluate without transformers.

    For its pipelines, unused here, evaluate imports transformers if it can, and with it torch:
    four fifths of the import's time in every scoring job. A ``None`` in ``sys.modules`` makes that
    optional import fail; it is taken back at once, so that a later import finds transformers.
    """
    if "transformers" in sys.modules:
        import evaluate

        return
    sys.modules["transformers"] = None
    try:
        import evaluate  # noqa: F401
    finally:
        del sys.modules["transformers"]

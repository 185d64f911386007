"""Intervals of levels and of shares, over seeds and prompts, in points.

Differences are ``crossed_difference`` of the differences; this is what else tables of generation
studies need of it.
"""

from __future__ import annotations

import numpy as np

from mtkd.analysis.statistics.paired import Difference, crossed_difference


def level(values: np.ndarray, name: str = "value") -> dict[str, float]:
    """The mean of values [S, N] as ``name``, ``name_low`` and ``name_high``."""
    return ends(crossed_difference(values), name)


def ends(difference: Difference, name: str) -> dict[str, float]:
    """Estimate and both ends of an interval as columns of a table."""
    return {
        name: difference.estimate,
        f"{name}_low": difference.low,
        f"{name}_high": difference.high,
    }


def share_values(part: np.ndarray, whole: np.ndarray) -> np.ndarray | None:
    """Pseudovalues [S, N] whose mean is the share of ``part`` in ``whole``, both in percent.

    A ratio r of means, linearised: each prompt's is r + (part − r whole) / mean whole (Särndal,
    Swensson and Wretman 1992, section 5.6). None where the whole is empty.
    """
    mean = float(whole.mean())
    if not mean > 0:
        return None
    ratio = float(part.mean()) / mean
    return 100 * (ratio + (part - ratio * whole) / mean)

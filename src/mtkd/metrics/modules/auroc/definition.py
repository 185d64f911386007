"""Area under the ROC curve of the probability of class index 1; NaN without two of each label.

It is the probability that an example of class 1 has a greater one than an example of class 0, ties
counting half (the Mann-Whitney statistic). An example's placement is the share of the other class
that it is on the right side of (DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44(3)); by
ranks after Sun and Xu (2014, IEEE Signal Process. Lett. 21(11)).
"""

import numpy as np
from scipy.stats import rankdata

TAKES = "probabilities"
CLASSES = 2


def with_contributions(probabilities, labels):
    """AUROC [S], and pseudovalues [S, N]: placements around it, scaled by class.

    So scaled that the variance of their mean is DeLong's, ``S10 / m + S01 / n`` for m examples of
    class 1 and n of class 0. It has none where either is a single one: nothing then says how much
    another would have changed.
    """
    scores, positive = probabilities[..., 1], labels == 1
    m, n = positive.sum(), (~positive).sum()
    if min(m, n) < 2:
        return np.full(len(scores), np.nan), np.full(scores.shape, np.nan)
    ranks = rankdata(scores, axis=1)
    placements = np.empty(scores.shape)
    placements[:, positive] = (ranks[:, positive] - rankdata(scores[:, positive], axis=1)) / n
    placements[:, ~positive] = (
        1 - (ranks[:, ~positive] - rankdata(scores[:, ~positive], axis=1)) / m
    )
    value = placements[:, positive].mean(axis=1)
    total = len(labels)
    of_class = np.where(positive, m, n)
    scale = np.sqrt(total * (total - 1) / (of_class * (of_class - 1)))
    return value, value[:, None] + scale * (placements - value[:, None])

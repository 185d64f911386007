"""What suites of every kind say: the name, the study that is run, and how its jobs run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field

from mtkd.config.amounts import Duration
from mtkd.config.values import AskedFor, Closed, Name, Whole, check_known


class AnySuite(Closed):
    """A suite file's own keys, with what the command line may add. Kinds have ``studies``."""

    suite: Name
    study: AskedFor | None = None
    allow_unpinned: bool = False
    # Changes no setting of a job: what a job does that asked for a GPU and cannot use one.
    allow_cpu: bool = False
    # Changes no result: between two saved states of a training in progress.
    save_minutes: Duration = Field(default=10, ge=0)
    # How often one job of a cluster may be preempted or lose its node.
    interruptions: Whole = Field(default=100, ge=0)

    @property
    def study_name(self) -> str:
        return self.study or next(iter(self.studies))

    @property
    def chosen_study(self):
        return self.studies[self.study_name]

    def check_study(self) -> None:
        """Raises ValueError where there is no study, or not the one that is asked for."""
        if not self.studies:
            raise ValueError("studies: a suite needs at least one study")
        if self.study is not None:
            check_known(self.study, self.studies, "study", "study")


def unpinned_models(learners: Iterable[tuple[str, Mapping[str, Any]]]) -> list[str]:
    """Keys of the models of the hub that have no revision, of named learners by their key."""
    return [
        f"{key}.{name}.model.revision"
        for key, group in learners
        for name, one in group.items()
        if one.model and one.model.hub and not one.model.revision
    ]

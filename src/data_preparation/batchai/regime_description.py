"""Moments at which a process changed, as ``regimes`` of a location.yml says them."""

from __future__ import annotations

from dataclasses import dataclass

from src.data_preparation.batchai.yaml_section import Section

CURRENT, SHIFT = "current", "shift"


@dataclass(frozen=True)
class Regime:
    """A change of the process.

    Attributes:
        since: The first batch after it, in the order of batches.
        name: What changed.
        train_on: `CURRENT`: batches before are left out; `SHIFT`: all are kept, with a feature that says which came
            after it, so that the level may differ.
    """

    since: str
    name: str
    train_on: str = CURRENT

    @property
    def feature(self) -> str:
        """The name of the feature of a `SHIFT`: 1 from the change on, 0 before."""
        return f"since {self.name}"


def read_regimes(section: Section) -> tuple[Regime, ...]:
    """Read ``regimes``; what is wrong is noted in the section."""
    regimes = []
    for part in section.sections("regimes"):
        regime = Regime(
            since=part.text("since"),
            name=part.text("name"),
            train_on=part.choice("train_on", (CURRENT, SHIFT), default=CURRENT),
        )
        part.finish()
        regimes.append(regime)
    for what, names in (("name", [one.name for one in regimes]), ("since", [one.since for one in regimes])):
        for name in sorted({name for name in names if names.count(name) > 1}):
            section.problem("regimes", f"have the same {what} twice: {name!r}")
    return tuple(regimes)

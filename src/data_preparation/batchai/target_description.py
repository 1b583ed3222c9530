"""What is measured of a batch, as ``targets`` of a location.yml says it."""

from __future__ import annotations

from dataclasses import dataclass

from src.data_preparation.batchai.expressions import Expression, parse_expression
from src.data_preparation.batchai.yaml_section import Section

LINEAR, LOG = "linear", "log"
SCALES = (LINEAR, LOG)
"""How a target is fitted: as it is, or as its natural logarithm."""


@dataclass(frozen=True)
class Target:
    """A measured quality.

    Attributes:
        name: Its name in all results.
        column: Its column in the export; its name, where it is computed.
        unit: Its physical unit, or an empty text.
        plausible: A measured value outside (lower, upper) is no measurement; None leaves a side open.
        specification: Limits (lower, upper) that a good batch keeps; None leaves a side open.
        derived: How it is computed from measured columns; None where it is one.
        scale: One of `SCALES`.
    """

    name: str
    column: str
    unit: str = ""
    plausible: tuple[float | None, float | None] = (None, None)
    specification: tuple[float | None, float | None] = (None, None)
    derived: Expression | None = None
    scale: str = LINEAR

    @property
    def results(self) -> tuple[str, ...]:
        """The columns of the export that it is read or computed from."""
        return (self.column,) if self.derived is None else self.derived.columns


def read_target(name: str, part: Section) -> Target:
    """Read a target; what is wrong is noted in the section."""
    target = Target(
        name=name,
        column=part.text("column", default=name),
        unit=part.text("unit", default=""),
        plausible=part.limits("plausible"),
        specification=part.limits("specification"),
        derived=_expression(part, "derived"),
        scale=part.choice("scale", SCALES, default=LINEAR),
    )
    if target.derived is not None and target.column != name:
        part.problem("column", "stands beside derived; leave one of them out")
    part.finish()
    return target


def _expression(part: Section, key: str) -> Expression | None:
    text = part.text(key, default="")
    try:
        return parse_expression(text) if text else None
    except ValueError as error:
        part.problem(key, f"is {text!r}: {error}")
        return None

"""What tells older batches from newer ones, as ``order_by`` of a location.yml says it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from src.common.errors import did_you_mean
from src.data_preparation.batchai.yaml_section import Section

TIME_DIRECTIVES = frozenset("aAwdbBmyYHIMpSfzZjUWcxXGuV%")
"""What `datetime.strptime` knows."""
YEARS = frozenset("YyGcx")
"""Those that hold a year."""
WHOLE_TIMES = frozenset("cX")
"""Those that hold the hours of a day, too."""


@dataclass(frozen=True)
class OrderDescription:
    """What tells older batches from newer ones.

    Attributes:
        column: The column with the time or number.
        format: As in `datetime.strptime`, or ``number``.
        month_names: Twelve names that ``%b`` stands for, in a language of the plant's own.
        zone: The time zone of local times, such as ``Europe/Berlin``; empty for a clock that is never changed.
    """

    column: str
    format: str
    month_names: tuple[str, ...] = ()
    zone: str = ""


def read_order(part: Section) -> OrderDescription:
    """Read ``order_by``; what is wrong is noted in the section."""
    order = OrderDescription(
        column=part.text("column"),
        format=part.text("format"),
        month_names=part.texts("month_names"),
        zone=part.text("zone", default=""),
    )
    _check_format(part, order)
    if order.month_names and len(set(order.month_names)) != 12:
        part.problem("month_names", f"has {len(order.month_names)} names, expected twelve different ones")
    if order.month_names and "%b" not in order.format:
        part.problem("format", f"is {order.format!r} without %b, where month_names would stand")
    part.finish()
    return order


def _check_format(part: Section, order: OrderDescription) -> None:
    if not order.format:
        return  # it is missing, and that was said
    if order.format == "number":
        if order.zone:
            part.problem("zone", "is for times, and the format is number")
        return
    directives = re.findall("%(.?)", order.format)
    unknown = [f"%{sign}" for sign in directives if sign not in TIME_DIRECTIVES or not sign]
    if unknown or not directives:
        part.problem(
            "format",
            f"is {order.format!r}, where {f'{unknown[0]} names no' if unknown else 'nothing names a'} part of a time;"
            " expected as in Python's strptime, such as '%Y-%m-%d %H:%M', or number",
        )
    else:
        _check_unique(part, order, set(directives))
    if order.zone and "z" in directives:
        part.problem("zone", "is not needed: each time has its offset (%z); leave it out")
    elif order.zone and not _is_zone(order.zone):
        from zoneinfo import available_timezones

        near = did_you_mean(order.zone, available_timezones())
        part.problem(
            "zone", f"is {order.zone!r}, which is no time zone{near or '; expected one such as Europe/Berlin'}"
        )


def _check_unique(part: Section, order: OrderDescription, directives: set[str]) -> None:
    """Refuse a format by which two points in time read the same."""
    if not directives & YEARS:
        part.problem("format", f"is {order.format!r} without a year, so a January would come before its December")
    if ("I" in directives) != ("p" in directives) and not directives & WHOLE_TIMES:
        part.problem("format", f"is {order.format!r}; expected %I (hours to 12) with %p (AM or PM), or %H alone")


def _is_zone(name: str) -> bool:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return False
    return True

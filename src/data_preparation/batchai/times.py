"""Points in time of an export: UTC offsets, time zones, daylight saving. Nothing is guessed."""

from __future__ import annotations

import re
from datetime import datetime, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from src.data_preparation.batchai.order_description import OrderDescription

_ZONE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+/-]*")
_UTC_NAMES = frozenset({"utc", "gmt", "z"})


def seconds_since_1970(text: str, order: OrderDescription) -> float:
    """Read a time.

    Args:
        text: The cell.
        order: Its format, and the zone of local times. A format with neither ``%z``, ``%Z`` nor a zone is taken as it
            stands: all times of the export are of one clock that is never changed.

    Raises:
        ValueError: It is no such time, or not one point in time: the hour that daylight saving skips or repeats.
    """
    form = order.format
    # the longest name first: one month's name may begin another's
    for name in sorted(order.month_names, key=len, reverse=True):
        number = f"{order.month_names.index(name) + 1:02d}"
        text, replaced = re.subn(re.escape(name), number, text, flags=re.IGNORECASE)
        if replaced:
            form = form.replace("%b", "%m")
            break
    named = ""
    if "%Z" in form:
        moment, named = _without_zone_name(text, form)
    else:
        moment = _parse(text, form)
    if moment.tzinfo is not None:
        return moment.timestamp()
    if order.zone:
        return _local(moment, _zone(order.zone), named)
    return _local(moment, _named_zone(named), "") if named else moment.replace(tzinfo=timezone.utc).timestamp()


def _parse(text: str, form: str) -> datetime:
    try:
        moment = datetime.strptime(text, form)  # noqa: DTZ007 - its zone follows from the description
        moment.replace(tzinfo=moment.tzinfo or timezone.utc).timestamp()
    except (ValueError, OverflowError, IndexError):
        raise ValueError("is not such a time") from None
    return moment


def _without_zone_name(text: str, form: str) -> tuple[datetime, str]:
    """The time, and the text that stands for ``%Z``: `strptime` knows the names of this machine's zone alone."""
    plain = form.replace("%Z", "")
    for match in reversed(list(_ZONE_NAME.finditer(text))):
        try:
            return _parse(text[: match.start()] + text[match.end() :], plain), match.group()
        except ValueError:
            continue
    raise ValueError("is not such a time")


def _local(moment: datetime, zone: tzinfo, named: str) -> float:
    """Seconds of a local time, as PEP 495 tells the skipped from the repeated hour.

    Args:
        moment: The local time, without a zone.
        zone: The zone.
        named: What the text calls the zone, such as CEST; empty where it doesn't.
    """
    early, late = (moment.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    before, after = early.utcoffset(), late.utcoffset()
    if before is None or after is None or before == after:
        candidates = [early]
    elif before < after:
        raise ValueError("does not exist: the clocks were put forward")
    else:
        candidates = [early, late]
    if named:
        names = [str(candidate.tzname()) for candidate in candidates]
        candidates = [one for one, name in zip(candidates, names, strict=True) if name.casefold() == named.casefold()]
        if not candidates:
            raise ValueError(f"is called {named}, but {zone} has {' or '.join(names)} at this time")
    if len(candidates) > 1:
        raise ValueError("happened twice: the clocks were put back")
    try:
        return candidates[0].timestamp()
    except OverflowError:
        raise ValueError("is not such a time") from None


def _named_zone(name: str) -> tzinfo:
    """The zone of a name that means one thing everywhere; CST and the like do not."""
    if name.casefold() in _UTC_NAMES:
        return timezone.utc
    if "/" in name:
        try:
            return _zone(name)
        except (ValueError, OSError, KeyError):
            pass
    raise ValueError(f"has the zone {name}, which means several things; name one as zone, such as Europe/Berlin")


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)

"""Times against published transitions, and against pandas.

Germany: https://www.ptb.de/cms/en/ptb/fachabteilungen/abt4/fb-44/ag-441/realisation-of-legal-time-in-germany/dates-of-
the-beginning-and-end-of-daylight-saving-time.html (31 March and 27 October 2024). United States: 15 U.S.C. 260a (second
Sunday of March, first of November). Lord Howe Island moves its clocks by half an hour; Samoa left out 30 December 2011.
"""

from __future__ import annotations

from datetime import datetime, timezone
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.data_preparation.batchai.order_description import OrderDescription
from src.data_preparation.batchai.times import seconds_since_1970

LOCAL = "%Y-%m-%d %H:%M"


def utc(year: int, month: int, day: int, hour: int, minute: int = 0) -> float:
    return datetime(year, month, day, hour, minute, tzinfo=timezone.utc).timestamp()


def read(text: str, form: str = LOCAL, zone: str = "") -> float:
    return seconds_since_1970(text, OrderDescription("t", form, zone=zone))


@pytest.mark.parametrize(
    ("text", "form", "zone", "expected"),
    [
        ("2024-05-01 12:00 +0200", "%Y-%m-%d %H:%M %z", "", utc(2024, 5, 1, 10)),
        ("2024-05-01T12:00-05:30", "%Y-%m-%dT%H:%M%z", "", utc(2024, 5, 1, 17, 30)),
        ("2024-05-01T12:00Z", "%Y-%m-%dT%H:%M%z", "", utc(2024, 5, 1, 12)),
        ("2024-03-31 01:59", LOCAL, "Europe/Berlin", utc(2024, 3, 31, 0, 59)),
        ("2024-03-31 03:00", LOCAL, "Europe/Berlin", utc(2024, 3, 31, 1)),
        ("2024-10-27 03:00", LOCAL, "Europe/Berlin", utc(2024, 10, 27, 2)),
        ("2024-10-27 02:30 CEST", "%Y-%m-%d %H:%M %Z", "Europe/Berlin", utc(2024, 10, 27, 0, 30)),
        ("2024-10-27 02:30 CET", "%Y-%m-%d %H:%M %Z", "Europe/Berlin", utc(2024, 10, 27, 1, 30)),
        ("CEST 2024-10-27 02:30", "%Z %Y-%m-%d %H:%M", "Europe/Berlin", utc(2024, 10, 27, 0, 30)),
        ("2024-07-01 12:00 Europe/Berlin", "%Y-%m-%d %H:%M %Z", "", utc(2024, 7, 1, 10)),
        ("2024-07-01 12:00 UTC", "%Y-%m-%d %H:%M %Z", "", utc(2024, 7, 1, 12)),
        ("2024-11-03 00:59", LOCAL, "America/New_York", utc(2024, 11, 3, 4, 59)),
        ("2024-07-01 12:00", LOCAL, "Australia/Lord_Howe", utc(2024, 7, 1, 1, 30)),
        ("2024-10-27 02:30", LOCAL, "", utc(2024, 10, 27, 2, 30)),
    ],
)
def test_a_time_is_a_point_in_time(text: str, form: str, zone: str, expected: float) -> None:
    assert read(text, form, zone) == expected


@pytest.mark.parametrize(
    ("text", "form", "zone", "reason"),
    [
        ("2024-03-31 02:30", LOCAL, "Europe/Berlin", "does not exist"),
        ("2024-10-27 02:30", LOCAL, "Europe/Berlin", "happened twice"),
        ("2024-03-10 02:00", LOCAL, "America/New_York", "does not exist"),
        ("2024-11-03 01:30", LOCAL, "America/New_York", "happened twice"),
        ("2024-04-07 01:45", LOCAL, "Australia/Lord_Howe", "happened twice"),
        ("2011-12-30 12:00", LOCAL, "Pacific/Apia", "does not exist"),
        ("2024-07-01 12:00 CET", "%Y-%m-%d %H:%M %Z", "Europe/Berlin", "is called CET, but Europe/Berlin has CEST"),
        ("2024-07-01 12:00 CST", "%Y-%m-%d %H:%M %Z", "", "which means several things"),
        ("2024-07-01 12:00 Europe/Bärlin", "%Y-%m-%d %H:%M %Z", "", "is not such a time"),
        ("2024-07-01 12:00 Europe/Nowhere", "%Y-%m-%d %H:%M %Z", "", "which means several things"),
        ("2024-05-01 12:00", "%Y-%m-%d %H:%M %z", "", "is not such a time"),
        ("2024-02-30 12:00", LOCAL, "Europe/Berlin", "is not such a time"),
    ],
)
def test_what_is_not_one_point_in_time_is_refused(text: str, form: str, zone: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read(text, form, zone)


ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Casablanca"]


@given(st.sampled_from(ZONES), st.integers(0, 40 * 365 * 96))
def test_local_times_agree_with_pandas(zone: str, quarters: int) -> None:
    agrees_with_pandas(zone, pd.Timestamp("1990-01-01") + pd.Timedelta(minutes=15 * quarters))


@pytest.mark.parametrize("zone", ZONES)
def test_local_times_agree_with_pandas_around_transitions(zone: str) -> None:
    for day in ("2024-03-10", "2024-03-31", "2024-10-27", "2024-11-03"):
        for quarter in pd.date_range(day, periods=4 * 24, freq="15min"):
            agrees_with_pandas(zone, quarter)


def agrees_with_pandas(zone: str, moment: pd.Timestamp) -> None:
    expected = moment.tz_localize(ZoneInfo(zone), ambiguous="NaT", nonexistent="NaT")
    if not isinstance(expected, pd.Timestamp):
        with pytest.raises(ValueError, match=r"happened twice|does not exist"):
            read(moment.strftime(LOCAL), zone=zone)
    else:
        assert read(moment.strftime(LOCAL), zone=zone) == expected.timestamp()

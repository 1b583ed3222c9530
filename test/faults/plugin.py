"""The fault suite: tables of what goes wrong, a sample of each in every test run, all of them nightly.

    python -m pytest --nightly

tries everything and writes the scoreboard, ``docs/faults.md``; with all modules of a row, it writes that row anew. A
test stands where its subject is, and names its row of the scoreboard. Where its cases take long, it says how many of
them a normal run takes::

    @pytest.mark.fault("a wrong folder destroys nothing", sample=4)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from src.common.errors import one_line
from test.faults.scoreboard import CASES, ROW, Scoreboard

Case = TypeVar("Case")
MOST_SHOWN = 12


class Cases:
    """Counts the cases of a test that tries many of them; all are tried, also when some fail."""

    def __init__(self, *, nightly: bool) -> None:
        self.nightly = nightly
        self.tried = 0
        self.failures: list[str] = []

    @contextmanager
    def case(self, name: object) -> Iterator[None]:
        """Try one case; an error or a failed assertion counts, and the test goes on."""
        self.tried += 1
        try:
            yield
        except (Exception, pytest.fail.Exception) as error:
            self.failures.append(one_line(f"{name}: {type(error).__name__}: {error}", limit=600))

    def some(self, table: Sequence[Case], *, most: int) -> list[Case]:
        """All of a table in the nightly run; at most so many of it, evenly spread, in any other."""
        return list(table) if self.nightly else spread(table, most)


def spread(table: Sequence[Case], most: int) -> list[Case]:
    """At most so many items of a table, evenly spread over it."""
    if len(table) <= most:
        return list(table)
    return [table[place * len(table) // most] for place in range(most)]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option of the nightly run."""
    parser.addoption("--nightly", action="store_true", help="try all faults, and write docs/faults.md")


def is_nightly(config: pytest.Config) -> bool:
    """Whether everything is to be tried."""
    return bool(config.getoption("--nightly"))


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, and keep the score of a nightly run."""
    config.addinivalue_line(
        "markers", "fault(row, sample): a row of the scoreboard, and the cases of a normal run; without, all"
    )
    config.addinivalue_line("markers", "nightly: takes minutes by nature, and runs with the fault suite alone")
    if is_nightly(config) and not hasattr(config, "workerinput"):
        tests = Path(__file__).parents[1]
        board = Scoreboard(tests.parent / "docs" / "faults.md")
        if config.option.keyword or any("::" in argument for argument in config.args):
            board.page = None
        elif [Path(argument).resolve() for argument in config.args] != [tests]:
            board.keep_other_rows()
        config.pluginmanager.register(board)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Name the row of each case; choose all cases in a nightly run, a sample of those of each test in any other."""
    tests: dict[str, list[pytest.Item]] = {}
    for item in items:
        marker = item.get_closest_marker("fault")
        if marker is not None:
            item.user_properties.append((ROW, marker.args[0]))
            tests.setdefault(item.nodeid.partition("[")[0], []).append(item)
    if is_nightly(config):
        wanted = ("fault", "nightly")
        left_out = {item for item in items if not any(item.get_closest_marker(name) for name in wanted)}
    else:
        left_out = {item for found in tests.values() for item in set(found).difference(_sample(found))}
        left_out |= {item for item in items if item.get_closest_marker("nightly")}
    if left_out:
        config.hook.pytest_deselected(items=[item for item in items if item in left_out])
        items[:] = [item for item in items if item not in left_out]


def _sample(cases: list[pytest.Item]) -> list[pytest.Item]:
    marker = cases[0].get_closest_marker("fault")
    return spread(cases, marker.kwargs.get("sample", len(cases)) if marker else len(cases))


@pytest.fixture
def cases(request: pytest.FixtureRequest) -> Iterator[Cases]:
    """Counts the cases of a test that tries many of them."""
    counted = Cases(nightly=is_nightly(request.config))
    yield counted
    request.node.user_properties.append((CASES, (counted.tried, counted.failures)))
    if counted.failures:
        shown = "\n".join(counted.failures[:MOST_SHOWN])
        pytest.fail(f"{len(counted.failures)} of {counted.tried} cases failed:\n{shown}")

"""The fault suite: tables of what goes wrong, a sample of each in every test run, all of them nightly.

    python -m pytest test/faults --nightly

tries everything and writes the scoreboard, ``docs/faults.md``; with some of the modules, it writes their rows anew. A
module names its row of the scoreboard, and how many cases of each of its tests a normal run takes::

    pytestmark = pytest.mark.fault("a wrong folder destroys nothing", sample=4)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from src.common.errors import one_line
from test.faults.scoreboard import CASES, ROW, Scoreboard
from test.support.small_plant import SmallPlant

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
    parser.addoption("--nightly", action="store_true", help="try every fault, and write docs/faults.md")


def is_nightly(config: pytest.Config) -> bool:
    """Whether everything is to be tried. The option is known only where the command line names this folder."""
    return bool(config.getoption("--nightly", default=False))


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, and keep the score of a nightly run."""
    config.addinivalue_line("markers", "fault(row, sample): a row of the scoreboard, and the cases of a normal run")
    if is_nightly(config) and not hasattr(config, "workerinput"):
        folder = Path(__file__).parent
        board = Scoreboard(folder.parents[1] / "docs" / "faults.md")
        if config.option.keyword or any("::" in argument for argument in config.args):
            board.page = None
        elif [Path(argument).resolve() for argument in config.args] != [folder]:
            board.keep_other_rows()
        config.pluginmanager.register(board)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Name the row of each case; in a normal run, keep a sample of the cases of each test."""
    tests: dict[str, list[pytest.Item]] = {}
    for item in items:
        marker = item.get_closest_marker("fault")
        if marker is not None:
            item.user_properties.append((ROW, marker.args[0]))
            tests.setdefault(item.nodeid.partition("[")[0], []).append(item)
    if is_nightly(config):
        return
    kept: set[pytest.Item] = set()
    for cases in tests.values():
        marker = cases[0].get_closest_marker("fault")
        kept.update(spread(cases, marker.kwargs["sample"] if marker else len(cases)))
    left_out = [item for item in items if item.get_closest_marker("fault") and item not in kept]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


@pytest.fixture(scope="session")
def trained_plant(tmp_path_factory: pytest.TempPathFactory) -> SmallPlant:
    """A small plant on which everything has run; whoever changes it works on a copy."""
    from test.faults.trained_plant import make_plant

    return make_plant(tmp_path_factory.mktemp("plant"))


@pytest.fixture
def cases(request: pytest.FixtureRequest) -> Iterator[Cases]:
    """Counts the cases of a test that tries many of them."""
    counted = Cases(nightly=is_nightly(request.config))
    yield counted
    request.node.user_properties.append((CASES, (counted.tried, counted.failures)))
    if counted.failures:
        shown = "\n".join(counted.failures[:MOST_SHOWN])
        pytest.fail(f"{len(counted.failures)} of {counted.tried} cases failed:\n{shown}")

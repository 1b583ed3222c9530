"""Rehearse the pipelines of Azure DevOps on this machine, against the emulator.

    python dev.py rehearse [--scenario NAME] [--with-tests]

Each scenario says what Microsoft's pages let one expect; what ends otherwise is named, and the exit status is 1.
"""

from __future__ import annotations

import shutil
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from aml_emulator.runtime.azurite import AzuriteError
from rehearsal.artifacts import Artifacts
from rehearsal.definition import read_definition
from rehearsal.display import Display
from rehearsal.job_player import Surroundings
from rehearsal.player import Player
from rehearsal.predefined import for_templates, of_run
from rehearsal.results import NotPlayedError
from rehearsal.scenario import Run, Scenario
from rehearsal.scenarios import PACKAGES, SCENARIOS, TESTS
from rehearsal.surroundings import CONNECTIONS, GROUPS, SECRETS, Site, started
from src.common.settings import PROJECT_ROOT

PIPELINES = PROJECT_ROOT / ".pipelines"
SAMPLE = PROJECT_ROOT / "sample_data" / "batchai"
LOGS = PROJECT_ROOT / "outputs" / "rehearsal"
QUICK = {PACKAGES: "echo dev.py has installed them", TESTS: "echo run python dev.py test, or rehearse --with-tests"}
"""Scripts in place of those that take long and have nothing to do with the pipeline."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    parser = ArgumentParser(prog="dev.py rehearse", description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--scenario", choices=[scenario.name for scenario in SCENARIOS], help="rehearse this one alone")
    parser.add_argument("--with-tests", action="store_true", help="run all checks, not a quick selection")
    arguments = parser.parse_args(argv)
    chosen = [scenario for scenario in SCENARIOS if arguments.scenario in (None, scenario.name)]
    shutil.rmtree(LOGS, ignore_errors=True)
    start = perf_counter()
    try:
        with ExitStack() as stack:
            rehearsal = _Rehearsal(stack, with_tests=arguments.with_tests)
            surprises = [surprise for scenario in chosen for surprise in rehearsal.play(scenario)]
            refused = rehearsal.site.refused() if rehearsal.site else {}
    except (NotPlayedError, AzuriteError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print()
    for surprise in surprises:
        print(f"not as expected: {surprise}")
    hosts = ", ".join(f"{host} ({times})" for host, times in sorted(refused.items()))
    print(f"asked for outside of this machine, and refused: {hosts}" if refused else "no request left this machine")
    print(f"rehearsed in {perf_counter() - start:.0f} s; what the scripts printed: {LOGS.relative_to(PROJECT_ROOT)}")
    print("tested with the real SDK against the emulator, not against Azure: docs/azure-devops.md says what differs")
    return 1 if surprises else 0


@dataclass
class _Rehearsal:
    """Scenarios in one emulator, which starts when the first one needs it."""

    stack: ExitStack
    with_tests: bool
    site: Site | None = None
    numbers: Iterable[int] = field(default_factory=lambda: count(1))

    def play(self, scenario: Scenario) -> list[str]:
        """Play a scenario. Returns what did not end as it should."""
        print(f"\n##### {scenario.name}: {scenario.title}", flush=True)
        if scenario.real and self.site is None:
            start = perf_counter()
            self.site = self.stack.enter_context(started())
            print(f"the emulator and Azurite run on 127.0.0.1, after {perf_counter() - start:.1f} s", flush=True)
        return [f"{scenario.name}: {surprise}" for run in scenario.runs for surprise in self._run(scenario, run)]

    def _run(self, scenario: Scenario, run: Run) -> list[str]:
        number = next(iter(self.numbers))
        if self.site is not None and scenario.real and run.without is not None:
            _upload(self.site, run.without)
        print(f"\n=== run {number}: {run.title} ({run.reason}, {run.branch})", flush=True)
        start = perf_counter()
        player = self._player(scenario, run, number)
        outcome = player.run()
        player.display.run_ends(outcome)
        surprises = [f"{run.title}: {text}" for text in run.expected.differences(outcome)]
        if run.again is not None:
            print(f"--- run {number}: the failed jobs again", flush=True)
            player.around = replace(player.around, stand_ins={**player.around.stand_ins, **run.repaired})
            outcome = player.rerun_failed()
            player.display.run_ends(outcome)
            surprises += [f"{run.title}, again: {text}" for text in run.again.differences(outcome)]
        print(f"=== run {number}: {outcome.status}, {perf_counter() - start:.0f} s", flush=True)
        return surprises

    def _player(self, scenario: Scenario, run: Run, number: int) -> Player:
        build = of_run(number, run.reason, run.branch)
        logs = LOGS / f"{number}-{scenario.name}"
        quick: Mapping[str, str] = {PACKAGES: QUICK[PACKAGES]} if self.with_tests else QUICK
        return Player(
            definition=read_definition(
                PIPELINES / run.file, root=PROJECT_ROOT, parameters=run.parameters, variables=for_templates(build)
            ),
            build=build,
            groups=GROUPS,
            secrets=SECRETS,
            around=Surroundings(
                root=PROJECT_ROOT,
                environment=self.site.variables if self.site else {},
                connections=CONNECTIONS,
                artifacts=Artifacts(logs / "artifacts"),
                stand_ins={**quick, **run.stand_ins},
            ),
            logs=logs,
            paid=True,
            cancels_at=run.cancels_at,
            display=Display(),
        )


def _upload(site: Site, without: Iterable[str]) -> None:
    """Upload the sample data, without some locations."""
    with TemporaryDirectory(prefix="exports-") as temporary:
        exports = Path(temporary)
        shutil.copytree(SAMPLE, exports, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*without))
        site.upload(exports, PROJECT_ROOT)


if __name__ == "__main__":
    sys.exit(main())

"""Rehearse the pipelines of Azure DevOps on this machine, against the emulator.

    python dev.py rehearse [--list] [--scenario NAME] [--with-tests]

Each scenario says what Microsoft's pages let one expect; what ends otherwise is named, and the exit status is 1.
"""

from __future__ import annotations

import shutil
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from aml_emulator.runtime.azurite import AzuriteError
from rehearsal.artifacts import Artifacts
from rehearsal.definition import read_definition
from rehearsal.job_player import Surroundings
from rehearsal.player import Player
from rehearsal.predefined import for_templates, of_run
from rehearsal.results import NotPlayedError
from rehearsal.scenario import Run, Scenario
from rehearsal.scenarios import PACKAGES, SCENARIOS, TESTS
from rehearsal.surroundings import CONNECTIONS, ENVIRONMENTS, SECRET, Site, groups, started
from rehearsal.triggers import reason
from rehearsal.yaml_files import read_yaml
from src.common.settings import PROJECT_ROOT

PIPELINES = PROJECT_ROOT / ".pipelines"
SAMPLE = PROJECT_ROOT / "sample_data" / "batchai"
LOGS = PROJECT_ROOT / "outputs" / "rehearsal"
SELECTION = "test/common/console_test.py test/common/settings_test.py"
STAND_INS = {
    PACKAGES: "echo dev.py has installed them",
    TESTS: f"""python -m ruff check . &&
python -m pytest -n 0 -q -p no:cacheprovider --junitxml=test-results.xml --cov --cov-report=xml {SELECTION}""",
}
"""Scripts in place of those that take long, whatever the scenario; the second is a quick selection of the checks."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    parser = ArgumentParser(prog="dev.py rehearse", description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--scenario", choices=[scenario.name for scenario in SCENARIOS], help="rehearse this one alone")
    parser.add_argument("--with-tests", action="store_true", help="run all checks, not a quick selection")
    parser.add_argument("--list", action="store_true", help="list the scenarios")
    arguments = parser.parse_args(argv)
    if arguments.list:
        print("\n".join(f"{scenario.name:<14}{scenario.title}" for scenario in SCENARIOS))
        return 0
    chosen = [one for one in SCENARIOS if arguments.scenario in (None, one.name)]
    needed = [one for one in SCENARIOS if one.name in [two.after for two in chosen] and one not in chosen]
    shutil.rmtree(LOGS, ignore_errors=True)
    return rehearse([*needed, *chosen], LOGS, with_tests=arguments.with_tests)


def rehearse(scenarios: Sequence[Scenario], logs: Path, *, with_tests: bool) -> int:
    """Play scenarios, and print what they do. Returns the exit code."""
    start = perf_counter()
    try:
        with ExitStack() as stack:
            rehearsal = _Rehearsal(stack, logs, with_tests=with_tests)
            surprises = [surprise for scenario in scenarios for surprise in rehearsal.play(scenario)]
            refused = rehearsal.site.refused() if rehearsal.site else {}
    except (NotPlayedError, AzuriteError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print()
    for surprise in surprises:
        print(f"not as expected: {surprise}")
    hosts = ", ".join(f"{host} ({times})" for host, times in sorted(refused.items()))
    print(f"asked for outside of this machine, and refused: {hosts}" if refused else "no request left this machine")
    print(f"rehearsed in {perf_counter() - start:.0f} s; what the scripts printed: {logs}")
    print("tested with the real SDK against the emulator, not against Azure: docs/azure-devops.md says what differs")
    return 1 if surprises else 0


@dataclass
class _Rehearsal:
    """Scenarios in one emulator, which starts when the first one needs it."""

    stack: ExitStack
    logs: Path
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
        why = reason(read_yaml(PIPELINES / run.file), run.event)
        if why is None:
            return [f"{run.title}: this {run.event.kind} starts no run of {run.file}"]
        parameters = "".join(f", {name}: {value}" for name, value in run.parameters.items())
        print(f"\n=== run {number}: {run.title} ({why}, {run.branch}{parameters})", flush=True)
        start = perf_counter()
        player = self._player(scenario, run, number, why)
        outcome = player.run()
        player.display.run_ends(outcome)
        surprises = [f"{run.title}: {text}" for text in run.expected.differences(outcome)]
        if run.again is not None:
            print(f"--- run {number}: Rerun failed jobs", flush=True)
            player.around.stand_ins = {**player.around.stand_ins, **run.repaired}
            outcome = player.rerun_failed()
            player.display.run_ends(outcome)
            surprises += [f"{run.title}, again: {text}" for text in run.again.differences(outcome)]
        print(f"=== run {number}: {outcome.status}, {perf_counter() - start:.0f} s", flush=True)
        return surprises

    def _player(self, scenario: Scenario, run: Run, number: int, why: str) -> Player:
        schedule = {"Build__CronSchedule__DisplayName": run.event.schedule} if run.event.schedule else {}
        build = of_run(number, why, run.branch, **schedule)
        logs = self.logs / f"{number}-{scenario.name}"
        usual = {PACKAGES: STAND_INS[PACKAGES]} if self.with_tests else STAND_INS
        return Player(
            definition=read_definition(
                PIPELINES / run.file, root=PROJECT_ROOT, parameters=run.parameters, variables=for_templates(build)
            ),
            build=build,
            groups=groups(by_secret=run.parameters.get("sign_in") == "secret"),
            secrets=frozenset({SECRET}),
            around=Surroundings(
                root=PROJECT_ROOT,
                environment=self.site.variables if self.site and scenario.real else {},
                connections=CONNECTIONS,
                artifacts=Artifacts(logs / "artifacts"),
                stand_ins={**usual, **run.stand_ins},
                links=(Path(sys.prefix), PROJECT_ROOT / "node_modules"),
            ),
            logs=logs,
            environments=ENVIRONMENTS,
            cancels_at=run.cancels_at,
        )


def _upload(site: Site, without: Iterable[str]) -> None:
    """Upload the sample data, without some locations."""
    with TemporaryDirectory(prefix="exports-") as temporary:
        exports = Path(temporary)
        shutil.copytree(SAMPLE, exports, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*without))
        site.upload(exports, PROJECT_ROOT)


if __name__ == "__main__":
    sys.exit(main())

"""Rehearse a push to main on this machine: three builds against the emulator.

    python dev.py rehearse [--with-tests]

The first build registers version 1. The second has the same data: not better, nothing is registered. For the third a
location has joined: version 2.
"""

from __future__ import annotations

import shutil
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from aml_emulator.runtime.azurite import AzuriteError
from rehearsal.definition import read_definition
from rehearsal.expressions import NotPlayedError, Result
from rehearsal.player import Player
from rehearsal.surroundings import GROUP, SECRETS, Surroundings, started
from src.common.settings import PROJECT_ROOT

PIPELINE = PROJECT_ROOT / ".pipelines" / "batch_ai-dataprep.yml"
SAMPLE = PROJECT_ROOT / "sample_data" / "batchai"
JOINS_LATER = "food-lab"
LOGS = PROJECT_ROOT / "outputs" / "rehearsal"
NOT_REGISTERED = "Model was not registered for this run."

PACKAGES, TESTS = "Install the packages", "Lint, types and unit tests"
SKIPPED = {PACKAGES: "dev.py has installed them", TESTS: "run python dev.py test, or rehearse --with-tests"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    parser = ArgumentParser(prog="dev.py rehearse", description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--with-tests", action="store_true", help="run the checks in the first build, too")
    arguments = parser.parse_args(argv)
    shutil.rmtree(LOGS, ignore_errors=True)
    start = perf_counter()
    try:
        with started() as surroundings, TemporaryDirectory(prefix="exports-") as temporary:
            print(f"the emulator and Azurite run on 127.0.0.1, after {perf_counter() - start:.1f} s", flush=True)
            surprises = _three_builds(surroundings, Path(temporary), with_tests=arguments.with_tests)
            refused = surroundings.refused()
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


def _three_builds(surroundings: Surroundings, exports: Path, *, with_tests: bool) -> list[str]:
    """Play the three builds. Returns what did not end as it should."""
    shutil.copytree(SAMPLE, exports, dirs_exist_ok=True, ignore=shutil.ignore_patterns(JOINS_LATER))
    surroundings.upload(exports, PROJECT_ROOT)
    builds = (
        ("a push", Result.SUCCEEDED, "model registered"),
        ("a push with the same data", Result.ISSUES, NOT_REGISTERED),
        (f"{JOINS_LATER} has joined", Result.SUCCEEDED, "model registered"),
    )
    surprises = []
    for number, (title, expected, said) in enumerate(builds, start=1):
        if number == len(builds):
            surroundings.upload(SAMPLE, PROJECT_ROOT)
        print(f"\n=== build {number}: {title}", flush=True)
        player = _player(surroundings, number, with_tests=with_tests and number == 1)
        start = perf_counter()
        ended = player.run()
        print(f"=== build {number}: {ended.value}, {perf_counter() - start:.0f} s", flush=True)
        if ended is not expected:
            surprises.append(f"build {number} ended as {ended.value}, expected {expected.value}")
        if not any(said in text for text in (*player.tags, *player.messages)):
            surprises.append(f"build {number} did not say {said!r}")
    return surprises


def _player(surroundings: Surroundings, number: int, *, with_tests: bool) -> Player:
    build = {
        "Build.BuildId": str(1000 + number),
        "Build.BuildUri": f"vstfs:///Build/Build/{1000 + number}",
        "Build.SourceVersion": "0" * 40,
        "Build.Reason": "IndividualCI",
    }
    return Player(
        definition=read_definition(PIPELINE),
        root=PROJECT_ROOT,
        variables={**build, **GROUP},
        secrets=SECRETS,
        environment=surroundings.variables,
        logs=LOGS / f"build-{number}",
        skipped={PACKAGES: SKIPPED[PACKAGES]} if with_tests else SKIPPED,
    )


if __name__ == "__main__":
    sys.exit(main())

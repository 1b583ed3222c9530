"""One bit changes in a file at rest: whoever reads the file says so, and nothing is made of it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml_service.fingerprints import committed_digest
from ml_service.run_state import RunState, StepRecord
from test.faults.plugin import Cases
from test.faults.trained_plant import contents, copy_of, run
from test.support.small_plant import SmallPlant

pytestmark = pytest.mark.fault("a flipped bit in a file is noticed by whoever reads it", sample=1)

REGISTRY = "outputs/registry"
# what is flipped, and the steps that read it
READERS = {
    "prepared": ("train", "evaluate", "infer", "monitor", "report"),
    "results": ("report",),
    "outputs/model": ("evaluate", "register", "infer", "report"),
    "outputs/evaluation": ("register", "report"),
    REGISTRY: ("evaluate", "register", "fetch"),
    "outputs/registration": (),
    "outputs/predictions": (),
    "outputs/registered_model": ("monitor",),
    "outputs/monitoring": (),
    "outputs/report": (),
    "inputs/.clone.json": ("prepare",),
}
FLIPS = 500


@pytest.fixture
def plant(trained_plant: SmallPlant, tmp_path: Path) -> SmallPlant:
    return copy_of(trained_plant, tmp_path / "plant")


def flips(plant: SmallPlant) -> list[tuple[str, Path, int]]:
    """What each flip hits: the part of the plant, the file, and the bit; every file gets its share."""
    chance = random.Random(7)
    found = []
    for part in READERS:
        root = plant.root / part
        files = [root] if root.is_file() else sorted(path for path in root.rglob("[!.]*") if path.is_file())
        found += [(part, path) for path in files if path.stat().st_size]
    return [
        (part, path, chance.randrange(path.stat().st_size * 8))
        for part, path in (found[number % len(found)] for number in range(FLIPS))
    ]


def problems(plant: SmallPlant, part: str, capsys: pytest.CaptureFixture[str]) -> Iterator[str]:
    """What goes wrong while something is flipped: it is taken silently, or ends in a traceback."""
    noticed = False
    for step in READERS[part]:
        kept = contents(plant.root / "outputs") | contents(plant.root / "results") | contents(plant.root / "prepared")
        argv = ("--model_folder", str(plant.root / "outputs" / "fetched")) if step == "fetch" else ()
        capsys.readouterr()
        exit_code = run(step, *argv)
        said = "\n" + capsys.readouterr().err
        noticed = noticed or exit_code != 0
        if "Traceback" in said or exit_code not in (0, 3) or said.count("\nerror: ") != (exit_code != 0):
            yield f"{step} ended with {exit_code}: {said}"
        made = contents(plant.root / "outputs") | contents(plant.root / "results") | contents(plant.root / "prepared")
        changed = {name for name in made if made[name] != kept.get(name) and not name.startswith("fetched/")}
        if changed:
            yield f"{step} ended with {exit_code} and changed {sorted(changed)}"
    if part == REGISTRY:
        if not noticed:
            yield "nobody noticed"
    elif part != "inputs/.clone.json" and committed_digest(plant.root / part) is not None:
        yield "the step that wrote it would be skipped"


def test_flipped_bits(
    plant: SmallPlant, cases: Cases, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in plant.variables.items():
        monkeypatch.setenv(name, value)
    for part, path, bit in cases.some(flips(plant), most=16):
        whole = path.read_bytes()
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        with cases.case(f"bit {bit} of {path.relative_to(plant.root)}"):
            assert list(problems(plant, part, capsys)) == []
        path.write_bytes(whole)


def test_flipped_bits_of_what_a_pipeline_remembers(tmp_path: Path, cases: Cases) -> None:
    """A step whose record is changed runs again; it is never skipped by mistake."""
    path = tmp_path / "state.json"
    state = RunState(path)
    for name in ("prepare", "train"):
        state.record(name, StepRecord({"code": f"1{name}", "input a": "2"}, {"model_folder": "3"}))
    whole = path.read_bytes()
    for bit in cases.some(range(len(whole) * 8), most=50):
        flipped = bytearray(whole)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        with cases.case(f"bit {bit} of a state file"):
            assert not RunState.load(path).steps

"""The pages: each is reachable, each link leads somewhere, and what the tutorials say happens."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from src.common.settings import PROJECT_ROOT

INDEX = PROJECT_ROOT / "docs" / "index.md"
PAGES = sorted([*(PROJECT_ROOT / "docs").rglob("*.md"), PROJECT_ROOT / "README.md", PROJECT_ROOT / "CONTRIBUTING.md"])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
MOST_LINES = 150


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """The files that a page links, and the anchors in them."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in LINK.findall(text):
        if "://" not in target and not target.startswith("mailto:"):
            path, _, anchor = target.partition("#")
            yield (page.parent / path).resolve() if path else page, anchor


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT_ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    wrong = [
        f"{path}#{anchor}"
        for path, anchor in links(page)
        if not path.exists() or (anchor and path.suffix == ".md" and anchor not in anchors(path))
    ]
    assert wrong == []


def test_every_page_is_reachable_from_the_index() -> None:
    found: set[Path] = set()
    waiting = [INDEX]
    while waiting:
        page = waiting.pop()
        if page not in found and page.suffix == ".md" and page.exists():
            found.add(page)
            waiting += [path for path, _ in links(page)]
    assert set((PROJECT_ROOT / "docs").rglob("*.md")) - found == set()
    assert INDEX in {path for path, _ in links(PROJECT_ROOT / "README.md")}


def test_the_readme_is_short() -> None:
    assert len((PROJECT_ROOT / "README.md").read_text(encoding="utf-8").splitlines()) < MOST_LINES


class Reader:
    """Somebody who does what a tutorial says, in a folder of their own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        folders = {"DATAPREP_INPUTS_DIR": "inputs", "DATAPREP_OUTPUTS_DIR": "prepared", "OUTPUTS_DIR": "outputs"}
        self.variables = {name: str(root / below) for name, below in folders.items()}
        self.variables["TRAINING_OUTPUT_DIR"] = str(root / "results")

    def run(self, command: str) -> str:
        """Run a command of a tutorial; `dev.py run` without its set-up. Returns what it said."""
        script, *arguments = command.removeprefix("python ").split()
        if (script, *arguments) == ("dev.py", "run"):
            script, arguments = "ml_service/pipelines/batchai_training_pipeline.py", []
        place = self.root / script if (self.root / script).is_file() else PROJECT_ROOT / script
        done = subprocess.run(
            [sys.executable, str(place), *arguments],
            cwd=self.root,
            env={**os.environ, **self.variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def follow(self, page: str) -> list[str]:
        """Write the files of a page and run its commands, in their order. Returns what each said."""
        said = []
        text = (PROJECT_ROOT / "docs" / "tutorials" / page).read_text(encoding="utf-8")
        for kind, name, body in re.findall(r"```(\w+) ?(\S*)\n(.*?)```", text, flags=re.DOTALL):
            if name:
                (self.root / name).write_text(body, encoding="utf-8")
            elif kind == "console":
                said += [self.run(line.removeprefix("$ ")) for line in body.splitlines() if line.startswith("$ ")]
        return said

    def rows(self, name: str) -> list[dict[str, str]]:
        with (self.root / name).open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    return Reader(tmp_path_factory.mktemp("reader"))


PIPELINE = "python ml_service/pipelines/batchai_training_pipeline.py"


@pytest.mark.long
def test_the_first_model(reader: Reader) -> None:
    first, again, trained, predicted = reader.follow("first-model.md")
    assert "registered: batchai version 1" in first
    assert again.count("skipped (nothing changed)") == 7
    assert "skill" in trained
    assert "45 patients that training never saw" in predicted
    assert {row["registered_as"] for row in reader.rows("outputs/predictions/predictions.csv")} == {"batchai 1"}
    reader.variables["TRAIN_FOLDS"] = "5"
    other = reader.run(PIPELINE)
    assert "not better: its skill over all groups is" in other
    assert other.count("skipped (nothing changed)") == 3
    del reader.variables["TRAIN_FOLDS"]


@pytest.mark.long
def test_the_first_plant(reader: Reader) -> None:
    """The truth stands in the tutorial: 20 + 0.8 temperature - 5 pressure, and noise of 2."""
    reader.variables["BATCHAI_INPUT_URL"] = str(reader.root / "plants")
    if (reader.root / "outputs" / "registry").is_dir():
        reader.variables["MODEL_NAME"] = "my-plants"
    _, described, *_ = reader.follow("first-plant.md")
    assert "described:" in described
    scores = reader.rows("results/rmse.csv")
    assert [round(float(row["rmse"]), 1) for row in scores] == [2.4, 2.0]
    truth = {"temperature": 0.8, "pressure": -5.0}
    coefficients = reader.rows("results/coefficient.csv")
    assert max(abs(float(row["coefficient"])) for row in coefficients if row["term"] == "curve") < 0.1
    lines = [row for row in coefficients if row["term"] == "line"]
    assert len(lines) == 4
    for row in lines:
        assert float(row["lower"]) < truth[row["feature"]] < float(row["upper"]), row
    plans = {row["batch_id"]: row for row in reader.rows("outputs/predictions/predictions.csv")}
    assert float(plans["plan A"]["lower"]) < 76.5 < float(plans["plan A"]["upper"])
    assert "pressure" in plans["plan B"]["note"]
    assert plans["plan C"]["outside_training"] == "yes"


@pytest.mark.long
def test_another_plant_does_not_take_the_place_of_the_registered_model(reader: Reader) -> None:
    reader.variables.pop("MODEL_NAME", None)
    assert re.search(r"not better: .* 8 lost", reader.run(PIPELINE))

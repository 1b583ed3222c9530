"""One bad location never stops the others, and never takes its own earlier data away."""

from __future__ import annotations

import csv
import shutil
import sys
from pathlib import Path

import pytest

from src.common.errors import DataError, IntegrityError
from src.data_preparation.batchai.batchai_datapreparation import main
from src.data_preparation.batchai.location_runs import FAILED
from src.data_preparation.batchai.prepared_data import PreparedFolder

RESOURCES = Path(__file__).parents[2] / "resources"
GOOD = RESOURCES / "small" / "plant"


class Plants:
    """An input folder with locations, and the prepared data that is made of it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.prepared = root / "prepared"

    def put(self, location: str, files: Path) -> None:
        shutil.rmtree(self.root / "input" / location, ignore_errors=True)
        shutil.copytree(files, self.root / "input" / location)

    def run(self, *arguments: str) -> int:
        folders = ["--inputs_folder", str(self.root / "inputs"), "--prepared_folder", str(self.prepared)]
        return main(["--input_url", str(self.root / "input"), *folders, *arguments])

    def files(self, location: str) -> dict[str, bytes]:
        folder = self.prepared / f"location={location}"
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.csv")}

    def rows(self, table: str, location: str) -> list[dict[str, str]]:
        with (self.prepared / table).open(encoding="utf-8", newline="") as file:
            return [row for row in csv.DictReader(file) if row["location"] == location]


@pytest.fixture
def plants(tmp_path: Path) -> Plants:
    made = Plants(tmp_path)
    made.put("a", GOOD)
    made.put("c", GOOD)
    return made


EVERY_ROW = "batch,product,temperature,pressure,purity\n" + "".join(f"B{n},P,{n},{n * n},1e9\n" for n in range(1, 8))
NO_FEATURE = "batch,product,temperature,pressure,purity\n" + "".join(f"B{n},P,1,2,{90 + n}\n" for n in range(1, 8))
DESCRIPTION = """
tables: [{file: batches.csv}]
batch_id: batch
product_id: product
features: [temperature, pressure]
targets: {purity: {plausible: [0, 100]}}
"""


def bad(tmp_path: Path, text: str) -> Path:
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "batches.csv").write_text(text)
    (folder / "location.yml").write_text(DESCRIPTION)
    return folder


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (EVERY_ROW, "location b: every row was left out"),
        (NO_FEATURE, "location b: no feature is left"),
        ("batch,product\n", "location b: the file has a header and no rows"),
    ],
)
def test_the_others_are_prepared_and_the_exit_code_says_that_one_failed(
    plants: Plants, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, expected: str
) -> None:
    plants.put("b", bad(tmp_path, text))
    assert plants.run() == 3
    output = capsys.readouterr()
    assert expected in output.err
    assert "1 of 3 locations could not be prepared; not in the prepared data: b" in output.out
    assert PreparedFolder.open(plants.prepared).locations == ("a", "c")
    (row,) = plants.rows("groups.csv", "b")
    assert (row["product_id"], row["trainable"]) == ("", f"not prepared: {expected.removeprefix('location b: ')}")


def test_a_file_that_can_not_be_read_stops_its_location_alone(plants: Plants) -> None:
    plants.put("b", GOOD)
    (plants.root / "input" / "b" / "batches.csv").unlink()
    (plants.root / "input" / "b" / "batches.csv").mkdir()
    (plants.root / "input" / "b" / "batches.csv" / "x.csv").write_text("a folder where a file should be")
    assert plants.run() == 3
    assert PreparedFolder.open(plants.prepared).locations == ("a", "c")
    (row,) = plants.rows("groups.csv", "b")
    assert row["trainable"].startswith("not prepared: ")


def test_what_was_prepared_before_is_kept_to_the_byte_until_the_export_is_whole_again(
    plants: Plants, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plants.put("b", GOOD)
    assert plants.run() == 0
    before, groups, rejected = plants.files("b"), plants.rows("groups.csv", "b"), plants.rows("rejected.csv", "b")
    version = PreparedFolder.open(plants.prepared).manifest.version
    plants.put("b", bad(tmp_path, NO_FEATURE))

    assert plants.run("--failed_locations", "warn") == 0

    output = capsys.readouterr()
    assert "warning: location b: no feature is left" in output.err
    assert "kept as prepared before: b" in output.out
    folder = PreparedFolder.open(plants.prepared)
    assert plants.files("b") == before
    assert folder.read("b").groups
    assert folder.manifest.facts[FAILED]["b"]["kept"] is True
    note, *kept = plants.rows("groups.csv", "b")
    assert note["trainable"] == "kept as it was prepared before: no feature is left"
    assert (kept, plants.rows("rejected.csv", "b")) == (groups, rejected)

    plants.put("b", GOOD)
    assert plants.run() == 0
    assert PreparedFolder.open(plants.prepared).manifest.version == version


def test_earlier_data_that_was_changed_since_is_not_kept(plants: Plants, tmp_path: Path) -> None:
    plants.put("b", GOOD)
    assert plants.run() == 0
    changed = next((plants.prepared / "location=b").rglob("data.csv"))
    changed.write_bytes(changed.read_bytes().replace(b"5", b"6", 1))
    plants.put("b", bad(tmp_path, NO_FEATURE))
    assert plants.run() == 3
    assert PreparedFolder.open(plants.prepared).locations == ("a", "c")


def test_a_chosen_location_leaves_the_others_as_they_were(plants: Plants) -> None:
    assert plants.run() == 0
    before = {path: path.read_bytes() for path in plants.prepared.rglob("*") if path.is_file()}
    assert plants.run("--location", "a") == 0
    assert {path: path.read_bytes() for path in plants.prepared.rglob("*") if path.is_file()} == before
    shutil.rmtree(plants.root / "input" / "c")
    assert plants.run("--location", "a") == 0
    assert {path: path.read_bytes() for path in plants.prepared.rglob("*") if path.is_file()} == before
    next((plants.prepared / "location=c").rglob("data.csv")).write_text("damaged")
    with pytest.raises(IntegrityError, match="should stay as it is was damaged or removed"):
        plants.run("--location", "a")
    assert plants.run() == 0
    assert PreparedFolder.open(plants.prepared).locations == ("a",)


def test_all_problems_of_all_locations_are_reported_together(
    plants: Plants, capsys: pytest.CaptureFixture[str]
) -> None:
    cases = ["duplicate_batch_ids", "text_in_number_column", "misspelt_key", "missing_file", "not_yaml"]
    for number, case in enumerate(cases):
        plants.put(f"bad-{number}", RESOURCES / "bad" / case / "plant")
    assert plants.run() == 3
    assert capsys.readouterr().err.count("error: location bad-") == len(cases)
    for location in ("a", "c"):
        shutil.rmtree(plants.root / "input" / location)
    with pytest.raises(DataError, match="no location could be prepared"):
        plants.run()
    assert capsys.readouterr().err.count("error: location bad-") == len(cases)
    assert PreparedFolder.open(plants.prepared).locations == ("a", "c")


def test_several_problems_of_one_location_are_reported_together(
    plants: Plants, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plants.put("b", bad(tmp_path, "batch,product,temperature,purity\nB1,P,hot,1\nB1,P,2,90\n"))
    assert plants.run() == 3
    errors = capsys.readouterr().err
    assert "location b: duplicate batch ids" in errors
    assert "location b: features: 'pressure' fits no column" in errors


@pytest.mark.skipif(sys.platform == "win32", reason="links take a right of their own")
def test_a_file_that_can_not_be_cloned_stops_its_location_alone(
    plants: Plants, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plants.put("b", GOOD)
    assert plants.run() == 0
    before = plants.files("b")
    file = plants.root / "input" / "b" / "batches.csv"
    text = (plants.root / "input" / "c" / "batches.csv").read_text()
    (plants.root / "input" / "c" / "batches.csv").write_text(text.replace("B001", "B901"))
    file.unlink()
    file.symlink_to(tmp_path / "elsewhere.csv")

    assert plants.run() == 3

    output = capsys.readouterr()
    assert "1 could not be cloned" in output.out
    assert "location b: a link leads elsewhere" in output.err
    assert "kept as prepared before: b" in output.out
    assert plants.files("b") == before
    assert any(b"B901" in content for content in plants.files("c").values())
    with pytest.raises(DataError, match="a link leads elsewhere"):
        plants.run("--location", "b")
    assert plants.run("--location", "c") == 0
    plants.put("b", GOOD)
    assert plants.run() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="links take a right of their own")
def test_a_shared_description_that_can_not_be_cloned_stops_all(plants: Plants) -> None:
    (plants.root / "input" / "mes.yml").symlink_to("nowhere")
    with pytest.raises(DataError, match="a link leads elsewhere"):
        plants.run()

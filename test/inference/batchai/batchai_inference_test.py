"""The inference script, and its predictions of real batches whose measurements were taken out of the data."""

from __future__ import annotations

import csv
import math
import unittest
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

from src.common.committed_folder import copy_committed
from src.common.errors import DataError, IntegrityError
from src.common.made import REGISTERED_AS
from src.data_preparation.batchai import batchai_datapreparation
from src.inference.batchai.batchai_inference import main
from src.training.batchai import batchai_training
from src.training.batchai.model_files import model_version

ROOT = Path(__file__).parents[3]
WITHHELD = ROOT / "test" / "resources" / "withheld"
KEYS = {"concrete-lab": ("mix", "binder"), "food-lab": ("sample", "meat"), "pharma-plant": ("batch", "product")}


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def rmse(errors: list[float]) -> float:
    return math.sqrt(sum(error**2 for error in errors) / len(errors))


class BatchaiInferencingTest(unittest.TestCase):
    """Prepare and train on the sample's real measurements, then predict the batches that wait for theirs."""

    root: ClassVar[Path]

    @classmethod
    def setUpClass(cls) -> None:
        """Prepare and train once for all tests of this class."""
        folder = TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.root = Path(folder.name)
        prepared = ["--prepared_folder", str(cls.root / "prepared")]
        source = ["--input_url", str(ROOT / "sample_data" / "batchai"), "--inputs_folder", str(cls.root / "inputs")]
        assert batchai_datapreparation.main([*source, *prepared]) == 0
        model = ["--training_folder", str(cls.root / "results"), "--model_folder", str(cls.root / "model")]
        assert batchai_training.main([*prepared, *model]) == 0

    def predict(self, *arguments: str, model: str = "model") -> list[dict[str, str]]:
        """Run the script. Returns the rows of predictions.csv."""
        folders = [
            *("--prepared_folder", str(self.root / "prepared"), "--model_folder", str(self.root / model)),
            *("--predictions_folder", str(self.root / "predictions")),
        ]
        assert main([*folders, *arguments]) == 0
        return read(self.root / "predictions" / "predictions.csv")

    def test_batchinference(self) -> None:
        """Every pending batch gets a prediction for every target."""
        predictions = self.predict()
        batches = {(row["location"], row["product_id"], row["batch_id"]) for row in predictions}
        withheld = {
            (location, row[product], row[batch])
            for location, (batch, product) in KEYS.items()
            for row in read(WITHHELD / f"{location}.csv")
        }
        assert batches == withheld
        assert len(predictions) == 24 + 15 * 3 + 10
        assert all(math.isfinite(float(row["prediction"])) for row in predictions)
        assert {row["outside_training"] for row in predictions} <= {"yes", "no"}

    def test_the_error_on_withheld_batches_is_what_was_promised(self) -> None:
        """Within 1.5 times the forward error, which is the promise for batches to come, over all products."""
        promised = {
            (row["location"], row["product_id"], row["target"]): float(row["rmse_forward"])
            for row in read(self.root / "results" / "rmse.csv")
        }
        errors: dict[tuple[str, str], list[float]] = {}
        expected: dict[tuple[str, str], list[float]] = {}
        measured = self.measured()
        for row in self.predict():
            key = (row["location"], row["target"])
            truth = measured[row["location"], row["product_id"], row["batch_id"], int(row["row"]), row["target"]]
            errors.setdefault(key, []).append(float(row["prediction"]) - truth)
            expected.setdefault(key, []).append(promised[row["location"], row["product_id"], row["target"]])
        ratios = {key: rmse(errors[key]) / rmse(expected[key]) for key in errors}
        assert len(ratios) == 5
        assert {key: ratio for key, ratio in ratios.items() if ratio > 1.5} == {}
        assert min(ratios.values()) > 0.2, "too good to be a prediction"

    def test_the_intervals_of_withheld_batches(self) -> None:
        """How many hold what was measured. pharma-plant drifts: its intervals are widened."""
        measured = self.measured()
        held: dict[tuple[str, str], list[bool]] = {}
        for row in self.predict():
            key = (row["location"], row["product_id"], row["batch_id"], int(row["row"]), row["target"])
            inside = float(row["lower"]) <= measured[key] <= float(row["upper"])
            held.setdefault((row["location"], row["target"]), []).append(inside)
        assert {key: (sum(inside), len(inside)) for key, inside in held.items()} == {
            ("concrete-lab", "compressive_strength"): (23, 24),
            ("food-lab", "water"): (14, 15),
            ("food-lab", "fat"): (14, 15),
            ("food-lab", "protein"): (15, 15),
            ("pharma-plant", "yield"): (8, 10),
        }

    def test_contributions_add_up_to_the_predictions(self) -> None:
        """Of every batch and target, with the prediction of the mean batch."""
        predictions = self.predict()
        sums: dict[tuple[str, ...], float] = {}
        keys = ("location", "product_id", "batch_id", "row", "target")
        for row in read(self.root / "predictions" / "contributions.csv"):
            key = tuple(row[name] for name in keys)
            sums[key] = sums.get(key, 0) + float(row["contribution"])
        assert len(sums) == len(predictions)
        for row in predictions:
            total = sums[tuple(row[name] for name in keys)]
            assert math.isclose(total, float(row["prediction"]), rel_tol=1e-9, abs_tol=1e-9)

    def measured(self) -> dict[tuple[str, str, str, int, str], float]:
        """What the withheld batches measured, by location, product, batch, row of pending.csv and target."""
        values = {}
        for location, (batch, product) in KEYS.items():
            # the tests of one mix are told apart by their age
            rows = {(row[batch], self.age(row.get("age", "1"))): row for row in read(WITHHELD / f"{location}.csv")}
            for path in sorted((self.root / "prepared" / f"location={location}").glob("*/pending.csv")):
                for number, waiting in enumerate(read(path), start=1):
                    row = rows[waiting["batch_id"], round(float(waiting.get("log_age", 0)), 9)]
                    for target in set(row) - {batch, product, "age"}:
                        values[location, row[product], row[batch], number, target] = float(row[target])
        return values

    @staticmethod
    def age(days: str) -> float:
        """The age as pending.csv has it, as a logarithm."""
        return round(math.log(float(days)), 9)

    def test_one_product_and_a_file(self) -> None:
        """A file like pending.csv gives the same predictions as the pending batches do."""
        pending = self.predict("--location", "concrete-lab", "--product_id", "slag")
        assert {row["product_id"] for row in pending} == {"slag"}
        file = self.root / "prepared" / "location=concrete-lab" / "product_id=slag" / "pending.csv"
        given = ("--input", str(file), "--location", "concrete-lab", "--product_id", "slag")
        assert self.predict(*given) == pending

    def test_a_batch_unlike_any_in_training_is_flagged(self) -> None:
        """The feature and the end of its range are named, and the prediction stays within reach of training."""
        source = self.root / "prepared" / "location=concrete-lab" / "product_id=slag" / "pending.csv"
        header, first, *_ = source.read_text(encoding="utf-8").splitlines()
        cells = dict(zip(header.split(","), first.split(","), strict=True))
        file = self.root / "unlike.csv"
        file.write_text(
            f"{header}\n{','.join({**cells, 'water': '100000', 'cement': ''}.values())}\n", encoding="utf-8"
        )
        (row,) = self.predict("--input", str(file), "--location", "concrete-lab", "--product_id", "slag")
        assert row["outside_training"] == "yes"
        assert "water above 228" in row["outside_features"]
        assert row["note"] == "filled with the mean of training: cement"
        assert abs(float(row["prediction"])) < 300

    def test_missing_and_unknown_columns_are_refused(self) -> None:
        """Both are named, and the predictions that were there stay."""
        before = self.predict()
        file = self.root / "wrong.csv"
        file.write_text("batch_id,cemment,blast_furnace_slag\nN1,1,2\n", encoding="utf-8")
        with self.assertRaisesRegex(DataError, "cemment, did you mean 'cement'") as caught:
            self.predict("--input", str(file), "--location", "concrete-lab", "--product_id", "slag")
        assert "missing: cement, fly_ash, water" in str(caught.exception)
        assert read(self.root / "predictions" / "predictions.csv") == before

    def test_a_corrupted_model_is_refused(self) -> None:
        """One changed digit is enough."""
        damaged = self.root / "damaged"
        damaged.mkdir()
        for path in (self.root / "model").iterdir():
            content = path.read_bytes()
            damaged.joinpath(path.name).write_bytes(
                content.replace(b"0.1", b"0.2", 1) if path.name == "coefficient.csv" else content
            )
        with self.assertRaisesRegex(IntegrityError, r"coefficient\.csv was changed"):
            self.predict(model="damaged")

    def test_a_column_that_is_gone_is_imputed_and_one_that_is_new_is_named(self) -> None:
        """An export changes: what it no longer has counts as not measured, and the prediction stays close."""
        odd = self.root / "odd" / "pharma-plant"
        odd.mkdir(parents=True)
        for path in (ROOT / "sample_data" / "batchai" / "pharma-plant").iterdir():
            text = path.read_text(encoding="utf-8").replace("bio_material_01", "bio_material_1a")
            (odd / path.name).write_text(text, encoding="utf-8")
        arguments = ["--input_url", str(odd.parent), "--inputs_folder", str(self.root / "odd-inputs")]
        batchai_datapreparation.main([*arguments, "--prepared_folder", str(self.root / "odd-prepared")])
        folders = ["--prepared_folder", str(self.root / "odd-prepared"), "--model_folder", str(self.root / "model")]
        shown = StringIO()
        with redirect_stdout(shown):
            assert main([*folders, "--predictions_folder", str(self.root / "nowhere")]) == 0
        assert "no bio_material_01" in shown.getvalue()
        assert "not used: bio_material_1a, did you mean 'bio_material_01'?" in shown.getvalue()
        rows = read(self.root / "nowhere" / "predictions.csv")
        assert all(row["note"].startswith("filled with the mean of training: bio_material_01") for row in rows)
        before = {row["batch_id"]: float(row["prediction"]) for row in self.predict("--location", "pharma-plant")}
        for row in rows:
            assert abs(float(row["prediction"]) - before[row["batch_id"]]) < 5, row

    def test_every_prediction_names_the_model(self) -> None:
        """The version is the content's; that of the registry stands beside it where the model came from there."""
        version = model_version(self.root / "model")
        assert {(row["model"], row["registered_as"]) for row in self.predict()} == {(version, "")}
        copy_committed(self.root / "model", self.root / "registered", made={REGISTERED_AS: "batchai 3"})
        rows = self.predict(model="registered")
        assert {(row["model"], row["registered_as"]) for row in rows} == {(version, "batchai 3")}

    def test_columns_of_a_file_may_stand_in_any_order_and_be_missing(self) -> None:
        source = self.root / "prepared" / "location=concrete-lab" / "product_id=slag" / "pending.csv"
        header, first, *_ = source.read_text(encoding="utf-8").splitlines()
        cells = list(zip(header.split(","), first.split(","), strict=True))
        file = self.root / "turned.csv"
        results = []
        for kept in (cells, cells[::-1], [cell for cell in cells if cell[0] != "fly_ash"]):
            columns = [*kept, ("shift", "night")]
            file.write_text("".join(",".join(part) + "\n" for part in zip(*columns, strict=True)), encoding="utf-8")
            (row,) = self.predict("--input", str(file), "--location", "concrete-lab", "--product_id", "slag")
            results.append(row)
        assert results[0] == results[1]
        assert results[2]["note"] == "filled with the mean of training: fly_ash"


if __name__ == "__main__":
    unittest.main()

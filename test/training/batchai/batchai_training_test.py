"""The training script on the small plant and on the sample's real measurements."""

from __future__ import annotations

import csv
import math
import os
import unittest
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from src.common.errors import DataError
from src.data_preparation.batchai import batchai_datapreparation
from src.data_preparation.batchai.prepared_data import PreparedFolder
from src.training.batchai.batchai_training import main
from src.training.batchai.model import INTERCEPT
from src.training.batchai.model_files import load_model

ROOT = Path(__file__).parents[3]
SMALL = ROOT / "test" / "resources" / "small"
Array = NDArray[np.float64]


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def as_scipy_draws(points: Array, values: Array) -> Array:
    """A natural cubic spline through points of shape (knots, 2), straight beyond them."""
    spline = CubicSpline(*points.T, bc_type="natural")
    inside = np.clip(values, points[0, 0], points[-1, 0])
    return np.asarray(spline(inside) + spline(inside, 1) * (values - inside))


class TestTraining(unittest.TestCase):
    """Everything from prepared data to the model's files."""

    root: ClassVar[Path]

    @classmethod
    def setUpClass(cls) -> None:
        """Prepare and train once for all tests of this class."""
        folder = TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.root = Path(folder.name)
        for name, source in (("small", SMALL), ("sample", ROOT / "sample_data" / "batchai")):
            cls.prepare(source, name)
            cls.train(name)

    @classmethod
    def prepare(cls, source: Path, name: str) -> None:
        """Prepare a source into the folder of that name."""
        folders = ["--inputs_folder", str(cls.root / name / "in"), "--prepared_folder", str(cls.root / name / "out")]
        assert batchai_datapreparation.main(["--input_url", str(source), *folders]) == 0

    @classmethod
    def train(cls, name: str, *arguments: str, into: str = "") -> Path:
        """Train what was prepared under a name. Returns the folder of results."""
        target = cls.root / (into or name)
        folders = ["--prepared_folder", str(cls.root / name / "out"), "--training_folder", str(target / "results")]
        assert main([*folders, "--model_folder", str(target / "model"), *arguments]) == 0
        return target / "results"

    def test_training_dataloading(self) -> None:
        """data.csv and target.csv are loaded by location and product, same batches in the same order."""
        folder = PreparedFolder.open(self.root / "sample" / "out")
        every = folder.select(None, None)
        assert [part.location for part in every] == ["concrete-lab", "food-lab", "pharma-plant"]
        (slag,) = folder.select("concrete-lab", "slag")
        (group,) = slag.groups
        assert (group.product_id, group.features.shape, group.targets.shape) == ("slag", (328, 12), (328, 1))
        place = self.root / "sample" / "out" / "location=concrete-lab" / "product_id=slag"
        data, target = read(place / "data.csv"), read(place / "target.csv")
        assert [row["batch_id"] for row in data] == [row["batch_id"] for row in target] == group.batch_ids.tolist()
        assert [float(row["water"]) for row in data] == group.features[:, 3].tolist()
        assert [float(row["compressive_strength"]) for row in target] == group.targets[:, 0].tolist()
        assert math.isclose(group.features[0, slag.feature_names.index("log_age")], math.log(270), rel_tol=1e-15)

    def test_an_unknown_product_or_location_is_refused(self) -> None:
        """The nearest known one is named."""
        folder = PreparedFolder.open(self.root / "sample" / "out")
        with self.assertRaisesRegex(DataError, "unknown product_id 'slagg', did you mean 'slag'"):
            folder.select(None, "slagg")
        with self.assertRaisesRegex(DataError, "unknown location 'concrete', did you mean 'concrete-lab'"):
            folder.select("concrete", None)

    def test_the_skill_on_real_batches(self) -> None:
        """What the sample's locations must reach; least squares, or a leak, gives other numbers."""
        skill = {
            (row["product_id"], row["target"]): float(row["skill"])
            for row in read(self.root / "sample/results/rmse.csv")
        }
        least = {
            ("portland", "compressive_strength"): 0.55,
            ("slag", "compressive_strength"): 0.53,
            ("fly-ash", "compressive_strength"): 0.63,
            ("ternary", "compressive_strength"): 0.41,
            ("minced", "water"): 0.80,
            ("minced", "fat"): 0.80,
            ("minced", "protein"): 0.80,
            ("API-1", "yield"): 0.20,
        }
        assert set(skill) == set(least)
        assert {key: value for key, value in skill.items() if not least[key] <= value <= 0.95} == {}

    def test_the_coefficients_reproduce_the_model(self) -> None:
        """coefficient.csv is the model: lines, and curves as scipy draws them, predict rows inside the ranges."""
        terms: dict[tuple[str, str, str], list[dict[str, str]]] = {}
        for row in read(self.root / "sample/results/coefficient.csv"):
            terms.setdefault((row["location"], row["product_id"], row["target"]), []).append(row)
        model = load_model(self.root / "sample" / "model")
        folder = PreparedFolder.open(self.root / "sample" / "out")
        curves = 0
        for location, group, name, target in model.trained():
            (data,) = folder.select(location.location, group.product_id)
            features = np.where(np.isnan(data.groups[0].features), target.fill, data.groups[0].features)
            columns = dict(zip(data.feature_names, features.T, strict=True))
            predicted: Array = np.zeros(len(features))
            points: dict[str, list[tuple[float, float]]] = {}
            for row in terms[location.location, group.product_id, name]:
                value = float(row["coefficient"])
                if row["term"] == "curve":
                    points.setdefault(row["feature"], []).append((float(row["at"]), value))
                else:
                    predicted += value * (1 if row["feature"] == INTERCEPT else columns[row["feature"]])
            for feature, curve in points.items():
                predicted += as_scipy_draws(np.array(curve), columns[feature])
            room = 0.1 * (target.highest - target.lowest)
            predicted = np.clip(predicted, target.lowest - room, target.highest + room)
            np.testing.assert_allclose(predicted, target.predict(data.groups[0].features), rtol=1e-9)
            curves += len(points)
        assert curves > 0

    def test_one_product_alone_gives_the_same_numbers(self) -> None:
        """It borrows from the same other products, whether or not they are trained beside it."""
        alone = read(
            self.train("sample", "--location", "concrete-lab", "--product_id", "slag", into="slag") / "rmse.csv"
        )
        every = read(self.root / "sample/results/rmse.csv")
        assert alone == [row for row in every if row["product_id"] == "slag"]

    def test_twice_gives_the_same_bytes(self) -> None:
        """Nothing in the results depends on the run."""
        again = self.train("small", into="again")
        for name in ("coefficient.csv", "rmse.csv", "manifest.json"):
            assert (again / name).read_bytes() == (self.root / "small/results" / name).read_bytes()

    def test_threads_and_the_order_of_rows_change_no_byte(self) -> None:
        """The export with its rows in another order, trained with another number of threads."""
        source = self.root / "shuffled" / "plant"
        source.mkdir(parents=True)
        for path in (SMALL / "plant").iterdir():
            header, *rows = path.read_bytes().splitlines(keepends=True)
            reordered = [header, *rows[::-1]] if path.suffix == ".csv" else [header, *rows]
            (source / path.name).write_bytes(b"".join(reordered))
        self.prepare(source.parent, "shuffled-out")
        with patch.dict(os.environ, {"TRAIN_THREADS": "3"}):
            shuffled = self.train("shuffled-out")
        for name in ("coefficient.csv", "rmse.csv"):
            assert (shuffled / name).read_bytes() == (self.root / "small/results" / name).read_bytes()
        models = [(self.root / folder / "model/coefficient.csv").read_bytes() for folder in ("small", "shuffled-out")]
        assert models[0] == models[1]

    def test_what_cannot_be_trained_is_named_and_stops_nothing(self) -> None:
        """A constant target and too few batches have their reasons in rmse.csv; the others are trained."""
        source = self.root / "odd" / "plant"
        source.mkdir(parents=True)
        (source / "location.yml").write_text(
            "tables:\n  - file: b.csv\nbatch_id: b\nproduct_id: p\nfeatures: [x]\ntargets: {y: {}, z: {}}\n"
        )
        rows = [f"{n},full,{n % 13},{n % 13 * 2 + n % 3},{n % 7}" for n in range(40)]
        rows += [f"{n},few,{n % 13},{n % 13 * 2 + n % 3},1" for n in range(100, 110)]
        rows += [f"{n},two,{n},{n % 3},1" for n in range(300, 302)]
        rows += [f"{n},flat,{n},3.5,{n % 4}" for n in range(200, 240)]
        (source / "b.csv").write_text("\n".join(["b,p,x,y,z", *rows]) + "\n")
        self.prepare(source.parent, "oddities")
        results = {(row["product_id"], row["target"]): row for row in read(self.train("oddities") / "rmse.csv")}
        assert results["two", "y"]["not_trained"] == (
            "2 measured batches, at least 3 are needed to take the location's coefficients, 20 for a model of its own"
        )
        assert results["few", "z"]["not_trained"] == "constant: every batch measured 1"
        assert (results["few", "y"]["not_trained"], results["few", "y"]["prior"]) == ("", "location (too few batches)")
        assert results["flat", "y"]["not_trained"] == "constant: every batch measured 3.5"
        assert results["two", "y"]["rmse"] == results["flat", "y"]["rmse"] == ""
        assert results["full", "y"]["not_trained"] == results["flat", "z"]["not_trained"] == ""
        assert float(results["full", "y"]["skill"]) > 0.8
        groups = {row["product_id"]: row for row in read(self.root / "oddities/out/groups.csv")}
        assert groups["few"]["trainable"] == "10 measured batches, at least 20 are needed for a model of its own"

    def test_where_nothing_can_be_trained_every_file_says_so(self) -> None:
        """A location with too few batches gives tables without rows, but for the reasons, and a model of nothing."""
        source = self.root / "few" / "plant"
        source.mkdir(parents=True)
        (source / "location.yml").write_text(
            "tables:\n  - file: b.csv\nbatch_id: b\nproduct_id: p\nfeatures: [x]\ntargets: {y: {}}\n"
        )
        (source / "b.csv").write_text("\n".join(["b,p,x,y", *(f"{n},few,{n},{n % 3}" for n in range(10))]) + "\n")
        self.prepare(source.parent, "too-few")
        results = self.train("too-few")
        assert [row["not_trained"] for row in read(results / "rmse.csv")] == [
            "10 measured batches, at least 20 are needed for a model of its own, and no other product has one to take"
        ]
        for path in (results / "coefficient.csv", *(self.root / "too-few" / "model").glob("*.csv")):
            if path.name == "rmse.csv":
                continue
            assert len(path.read_text().splitlines()) == 1, path.name
        assert list(load_model(self.root / "too-few" / "model").trained()) == []


if __name__ == "__main__":
    unittest.main()

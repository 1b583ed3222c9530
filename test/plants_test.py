"""Exports as plants really write them: prepared, trained and predicted as they are. Expected values are by pandas.

The files in ``test/resources/plants`` were made for this, each of the kind of a real plant: German concrete mixes, an
active ingredient with lots, germs in food, tablets with a long laboratory table, mixes tested at several ages, a
process with a known truth, and two countries in one table.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.data_preparation.batchai import batchai_datapreparation
from src.inference.batchai import batchai_inference
from src.training.batchai import batchai_training

PLANTS = Path(__file__).parent / "resources" / "plants"
Table = pd.DataFrame


@dataclass(frozen=True)
class Chain:
    """What the three scripts made of all plants."""

    root: Path

    def group(self, location: str, product: str) -> dict[str, Table]:
        """The prepared tables of a product, by the name of the file."""
        folder = self.root / "prepared" / f"location={location}" / f"product_id={product}"
        return {path.stem: pd.read_csv(path, dtype={"batch_id": str}) for path in folder.glob("*.csv")}

    def rows(self, file: str, location: str) -> list[dict[str, str]]:
        """The rows of a location in one of the tables."""
        with (self.root / file).open(encoding="utf-8", newline="") as stream:
            return [row for row in csv.DictReader(stream) if row["location"] == location]


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    root = tmp_path_factory.mktemp("plants")
    prepared, model = ("--prepared_folder", str(root / "prepared")), ("--model_folder", str(root / "model"))
    inputs = ["--input_url", str(PLANTS), "--inputs_folder", str(root / "inputs")]
    assert batchai_datapreparation.main([*inputs, *prepared]) == 0
    assert batchai_training.main([*prepared, *model, "--training_folder", str(root / "training")]) == 0
    assert batchai_inference.main([*prepared, *model, "--predictions_folder", str(root / "predictions")]) == 0
    return Chain(root)


def concrete() -> Table:
    text = (PLANTS / "concrete-mixes" / "mischungen.csv").read_text("cp1252")
    table = pd.read_csv(StringIO(text), sep=";", decimal=",", na_values=["k.A."], dtype={"Mischung": str})
    table = table.rename(columns={"Mischung": "batch_id", "Rezeptur": "product", "Festigkeit [MPa]": "strength"})
    binder = table["Zement [kg/m³]"] + table["Hüttensand [kg/m³]"]
    return table.assign(water_binder=table["Wasser [kg/m³]"] / binder).drop(columns=["Zuschlag [kg/m³]", "Bemerkung"])


def pharma() -> Table:
    folder = PLANTS / "pharma-batches"
    table, lots = pd.read_csv(folder / "batches.csv"), pd.read_csv(folder / "lots.csv")
    by_batch = lots.assign(water=lots["moisture"] * lots["kg"]).groupby("Batch")
    sums = by_batch[["water", "kg"]].sum()
    more = Table({"moisture": sums["water"] / sums["kg"], "kg": sums["kg"], "lots": by_batch["Lot"].count()})
    table = table.sort_values("released", kind="stable").join(more, on="batch")
    measured = table["output_kg"].notna()
    counts = table.loc[measured, "supplier"].value_counts()
    assert counts.idxmax() == "Alpha"
    for level in ("Beta", "Gamma"):
        table[f"supplier={level}"] = (table["supplier"] == level) * 1
    table["supplier=(other)"] = (~table["supplier"].isin(counts.index[counts >= 5])) * 1
    table["yield"] = 100 * table["output_kg"] / table["input_kg"]
    return table.rename(columns={"batch": "batch_id"}).drop(columns=["released", "supplier", "line", "output_kg"])


def food() -> Table:
    table = pd.read_csv(PLANTS / "food" / "samples.csv", dtype=str)
    ids = table["year"] + "-" + table["number"]
    count = table["count"].replace("<10", "5").astype(float).replace(0, np.nan)
    table = table[table["count"] != "0"].drop(columns=["year", "number"])
    return table.astype({"fat": float, "salt": float, "ph": float}).assign(batch_id=ids, count=count, product="minced")


def tablets() -> Table:
    def read(name: str) -> Table:
        text = (PLANTS / "tablets" / name).read_text("cp1250")
        return pd.read_csv(StringIO(text), sep=";", decimal=",", dtype={"batch": str, "code": str, "Product code": str})

    table, lab, factors = (read(name) for name in ("Process.csv", "Lab.csv", "Normalization.csv"))
    wide = lab.pivot_table(index="batch", columns="test", values="result", aggfunc="mean")
    table = table.join(wide[["dissolution", "hardness"]], on="batch").merge(
        factors, left_on="code", right_on="Product code"
    )
    months = ["jan", "feb", "mar", "apr", "maj", "jun", "jul", "avg", "sep", "okt", "nov", "dec"]
    year, month = table["start"].str[4:].astype(int), table["start"].str[:3].map(months.index)
    table["tbl_speed"] /= table["Normalisation factor"]
    table = table.assign(when=12 * year + month, number=table["batch"].astype(int)).sort_values(["when", "number"])
    names = {"batch": "batch_id", "code": "product"}
    return table.rename(columns=names).drop(
        columns=["start", "when", "number", "Product code", "Normalisation factor", "campaign"]
    )


def boxcrete() -> Table:
    names = ["batch_id", "cement", "water", "age", "strength"]
    files = sorted((PLANTS / "boxcrete").glob("lab_*.csv"))
    table = pd.concat([pd.read_csv(file, names=names) for file in files])
    return table.assign(log_age=np.log(table["age"]), product="box").drop(columns="age")


def synthetic() -> Table:
    table = pd.read_csv(PLANTS / "synthetic" / "runs.csv", sep="|", thousands=",", dtype={"run": str})
    table["share"] = table["share"].str.removesuffix(" %").astype(float)
    table["night"] = table["night"].map({"no": 0, "yes": 1})
    return table.rename(columns={"run": "batch_id", "recipe": "product"})


def country(name: str) -> Callable[[], Table]:
    def read() -> Table:
        table, nozzles = (pd.read_csv(PLANTS / "world" / f"{part}.csv") for part in ("runs", "nozzles"))
        table = table.merge(nozzles, left_on=["country", "run"], right_on=["country", "Run"])
        table = table[table["country"] == name].drop(columns=["country", "Run"])
        return table.rename(columns={"run": "batch_id"}).astype({"batch_id": str})

    return read


CASES = {
    "concrete-mixes": (concrete, ["strength"]),
    "pharma-batches": (pharma, ["yield"]),
    "food": (food, ["count"]),
    "tablets": (tablets, ["dissolution", "hardness"]),
    "boxcrete": (boxcrete, ["strength"]),
    "synthetic": (synthetic, ["y"]),
    "France": (country("France"), ["energy"]),
    "Österreich": (country("Österreich"), ["energy"]),
}


@pytest.mark.parametrize("location", CASES)
def test_what_was_prepared_is_what_pandas_makes_of_the_export(chain: Chain, location: str) -> None:
    read, targets = CASES[location]
    expected = read()
    assert set(expected["product"]) == {row["product_id"] for row in chain.rows("prepared/groups.csv", location)}, (
        "every product is prepared"
    )
    for product, rows in expected.groupby("product"):
        found = chain.group(location.replace("Ö", "%C3%96"), str(product).replace(" ", "%20"))
        waiting = rows[targets].isna().all(axis=1)
        features = [name for name in rows.columns if name not in {"batch_id", "product", *targets}]
        for name, part, columns in (
            ("data", rows[~waiting], features),
            ("target", rows[~waiting], targets),
            ("pending", rows[waiting], features),
        ):
            assert set(found[name].columns) == {"batch_id", *columns}
            assert found[name]["batch_id"].tolist() == part["batch_id"].tolist(), f"{name}: the batches, oldest first"
            np.testing.assert_allclose(found[name][columns].to_numpy(), part[columns].to_numpy(float), rtol=1e-12)


@pytest.mark.parametrize("location", CASES)
def test_every_pending_batch_is_predicted_inside_its_interval(chain: Chain, location: str) -> None:
    read, targets = CASES[location]
    expected = read()
    waiting = expected[expected[targets].isna().all(axis=1)]
    found = chain.rows("predictions/predictions.csv", location)
    assert {(row["product_id"], row["batch_id"]) for row in found} == set(
        zip(waiting["product"], waiting["batch_id"], strict=True)
    )
    assert len(found) == len(waiting) * len(targets)
    for row in found:
        assert float(row["lower"]) < float(row["prediction"]) < float(row["upper"]), row


def test_the_known_truth_is_found(chain: Chain) -> None:
    """y = 10 + 3 a - 2 b + 4 night with errors of 1, written as b (t) = 1000 (b + 10); the share does nothing."""
    lines = (row for row in chain.rows("training/coefficient.csv", "synthetic") if row["term"] in {"intercept", "line"})
    rows = {row["feature"]: row for row in lines}
    truth = {"a": 3, "b (t)": -0.002, "share": 0, "night": 4}
    assert set(rows) == {"(intercept)", *truth}
    for feature, value in truth.items():
        assert float(rows[feature]["lower"]) < value < float(rows[feature]["upper"]), feature
    (error,) = chain.rows("training/rmse.csv", "synthetic")
    assert 0.85 < float(error["rmse"]) < 1.15


def test_an_absent_ingredient_has_no_coefficient(chain: Chain) -> None:
    features: dict[str, set[str]] = {}
    for row in chain.rows("training/coefficient.csv", "concrete-mixes"):
        features.setdefault(row["product_id"], set()).add(row["feature"])
    assert features["CEM III"] - features["CEM I"] == {"Hüttensand [kg/m³]"}


def test_what_was_left_out_is_named(chain: Chain) -> None:
    (count,) = chain.rows("prepared/rejected.csv", "food")
    assert (count["batch_id"], count["file"], count["row"]) == ("2025-10", "samples.csv", "11")
    (level,) = chain.rows("prepared/rejected.csv", "pharma-batches")
    assert (level["batch_id"], level["value"]) == ("PH-45", "New")
    for location in set(CASES) - {"food", "pharma-batches"}:
        assert chain.rows("prepared/rejected.csv", location) == []
    assert not (chain.root / "prepared" / "warnings.csv").exists(), "no false alarm"


def test_counts_are_predicted_as_counts(chain: Chain) -> None:
    """Fitted as logarithms: predictions are above zero, and intervals reach as many times up as down."""
    for row in chain.rows("predictions/predictions.csv", "food"):
        low, middle, high = (float(row[name]) for name in ("lower", "prediction", "upper"))
        assert low > 0
        assert middle / low == pytest.approx(high / middle)


def test_campaigns_are_held_out_together(chain: Chain) -> None:
    found = chain.group("tablets", "7")
    process = pd.read_csv(PLANTS / "tablets" / "Process.csv", sep=";", encoding="cp1250", dtype=str)
    campaigns = dict(zip(process["batch"], process["campaign"], strict=True))
    assert found["keys"]["key"].tolist() == [campaigns[batch] for batch in found["data"]["batch_id"]]

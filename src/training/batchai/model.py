"""The trained model: what it is, how it predicts, and how it lies in ``outputs/model/``.

JSON and CSV, never pickle: a person can read it, a diff shows what changed, and loading it runs no code.

- ``model.json``: what was trained on which data, per group the last batch, library versions;
- ``coefficients.csv``: per group, target and feature the coefficient in original units, the range seen in training
  and the value that stands for a missing one; the intercept is the feature ``(intercept)``, with the target's range;
- ``residuals.csv``: quantiles of the out-of-fold residuals;
- ``manifest.json``: SHA-256 of each, checked before anything is loaded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src.common.committed_folder import StagedFolder, read_manifest, verify_files
from src.common.errors import DataError, IntegrityError, did_you_mean, some_of
from src.common.tables import format_csv, read_text_table, to_numbers
from src.data_preparation.batchai.prepared_data import PreparedTarget
from src.training.batchai.credible_range import DOUBT, MARGIN, TARGET_MARGIN, believe, keep_in_reach

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KIND = "batchai model"
MADE_BY = "python src/training/batchai/batchai_training.py"
MODEL, COEFFICIENTS, RESIDUALS = "model.json", "coefficients.csv", "residuals.csv"
INTERCEPT = "(intercept)"
FORMAT = 1
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Limits:
    """How far beyond the ranges of training values and predictions may lie, as shares of their widths.

    Attributes:
        margin: A value counts as it is.
        doubt: A value is believed.
        target_margin: A prediction may go.
    """

    margin: float = MARGIN
    doubt: float = DOUBT
    target_margin: float = TARGET_MARGIN


@dataclass(frozen=True)
class TargetModel:
    """A linear model of one target of one product at one location.

    ``prediction = intercept + Σ coefficient · believed(value)``: a value beyond the range seen in training is limited;
    one that is missing, or too far out to be believed, counts as the mean of training; and the prediction is kept in
    reach of what was measured (see `credible_range`).

    Attributes:
        intercept: In the unit of the target.
        coefficients: Shape (features,), target unit per feature unit.
        minimum: Shape (features,): the smallest value seen in training.
        maximum: Shape (features,): the largest.
        fill: Shape (features,): what stands for a missing value, the mean of training.
        lowest: The smallest measured value of the target.
        highest: The largest.
        residuals: Shape (quantiles,): quantiles of measured minus predicted, out of fold, at `QUANTILES`.
        limits: How far beyond the ranges values and predictions may lie.
    """

    intercept: float
    coefficients: NDArray[np.float64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    fill: NDArray[np.float64]
    lowest: float
    highest: float
    residuals: NDArray[np.float64]
    limits: Limits

    def predict(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predict rows of features of shape (rows, features), NaN where not measured. Returns shape (rows,)."""
        import numpy as np

        believed = believe(
            features, self.minimum, self.maximum, self.fill, margin=self.limits.margin, doubt=self.limits.doubt
        )
        # row by row, so that a batch's prediction does not depend on its neighbours to the last bit
        predicted = np.asarray(self.intercept + (believed * self.coefficients).sum(axis=1))
        return keep_in_reach(predicted, self.lowest, self.highest, margin=self.limits.target_margin)

    def outside(self, features: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which values lie outside the range seen in training. Shape (rows, features)."""
        outside: NDArray[np.bool_] = (features < self.minimum) | (features > self.maximum)
        return outside


@dataclass(frozen=True)
class GroupModel:
    """The models of one product.

    Attributes:
        product_id: The product.
        targets: The model of each target that was trained.
        untrained: Why the others were not, by target.
        batches: How many measured batches there were.
        last_batch: The newest batch that it was trained on.
    """

    product_id: str
    targets: Mapping[str, TargetModel]
    untrained: Mapping[str, str]
    batches: int
    last_batch: str


@dataclass(frozen=True)
class LocationModel:
    """The models of all products of a location, which have the same features and targets."""

    location: str
    feature_names: tuple[str, ...]
    targets: tuple[PreparedTarget, ...]
    groups: Mapping[str, GroupModel]

    def group(self, product_id: str) -> GroupModel:
        """The model of a product.

        Raises:
            DataError: The model does not know it.
        """
        if product_id not in self.groups:
            raise DataError(
                f"the model knows no product_id {product_id!r} at {self.location}"
                f"{did_you_mean(product_id, self.groups)}",
                found=some_of(self.groups, most=12),
                hint=f"train it first: {MADE_BY}; ids are text, so 7 and 007 are two products",
            )
        return self.groups[product_id]


@dataclass(frozen=True)
class Model:
    """A trained model.

    Attributes:
        locations: By name.
        data_version: The version of the prepared data that it was trained on.
        training: How it was trained: options and library versions.
        limits: How far beyond the ranges of training values and predictions may lie.
    """

    locations: Mapping[str, LocationModel]
    data_version: str
    training: Mapping[str, Any]
    limits: Limits = field(default_factory=Limits)

    def location(self, name: str) -> LocationModel:
        """The model of a location.

        Raises:
            DataError: The model does not know it.
        """
        if name not in self.locations:
            raise DataError(
                f"the model knows no location {name!r}{did_you_mean(name, self.locations)}",
                found=some_of(self.locations, most=12),
                hint=f"train it first: {MADE_BY}",
            )
        return self.locations[name]

    def write(self, staged: StagedFolder) -> None:
        """Write the model's files into a folder that is being committed."""
        staged.write_json(MODEL, self._document())
        header = ("location", "product_id", "target", "feature", "coefficient", "minimum", "maximum", "fill")
        staged.write(COEFFICIENTS, format_csv(header, self._coefficient_rows()))
        staged.write(
            RESIDUALS, format_csv(("location", "product_id", "target", "quantile", "residual"), self._residual_rows())
        )
        staged.facts.update(name="batchai", data_version=self.data_version)

    def _document(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "data_version": self.data_version,
            "training": dict(self.training),
            "limits": asdict(self.limits),
            "locations": {
                location.location: {
                    "features": list(location.feature_names),
                    "targets": [
                        {"name": target.name, "unit": target.unit, "specification": list(target.specification)}
                        for target in location.targets
                    ],
                    "groups": {
                        group.product_id: {
                            "batches": group.batches,
                            "last_batch": group.last_batch,
                            "trained": list(group.targets),
                            "untrained": dict(group.untrained),
                        }
                        for group in location.groups.values()
                    },
                }
                for location in self.locations.values()
            },
        }

    def trained(self) -> Iterator[tuple[LocationModel, GroupModel, str, TargetModel]]:
        """Every trained target, in the order of the files."""
        for location in self.locations.values():
            for group in location.groups.values():
                for name, target in group.targets.items():
                    yield location, group, name, target

    def _coefficient_rows(self) -> Iterator[tuple[object, ...]]:
        for location, group, name, target in self.trained():
            key = (location.location, group.product_id, name)
            yield (*key, INTERCEPT, target.intercept, target.lowest, target.highest, None)
            columns = (target.coefficients, target.minimum, target.maximum, target.fill)
            for feature, *values in zip(location.feature_names, *(c.tolist() for c in columns), strict=True):
                yield (*key, feature, *values)

    def _residual_rows(self) -> Iterator[tuple[object, ...]]:
        for location, group, name, target in self.trained():
            for quantile, residual in zip(QUANTILES, target.residuals.tolist(), strict=True):
                yield location.location, group.product_id, name, quantile, residual


def load_model(folder: Path) -> Model:
    """Load a model whose files are exactly what was written.

    Raises:
        DataError: There is no model here.
        IntegrityError: A file was changed or is missing, or the model is of another format.
    """
    manifest = read_manifest(folder, kind=KIND, made_by=MADE_BY)
    verify_files(folder, manifest)
    document = json.loads((folder / MODEL).read_text(encoding="utf-8"))
    if document["format"] != FORMAT:
        raise IntegrityError(
            "the model has another format", where=folder, found=document["format"], expected=FORMAT, hint=MADE_BY
        )
    coefficients = _table(folder / COEFFICIENTS, ("coefficient", "minimum", "maximum", "fill"))
    residuals = _table(folder / RESIDUALS, ("residual",))
    locations = {
        name: LocationModel(
            location=name,
            feature_names=tuple(facts["features"]),
            targets=tuple(
                PreparedTarget(item["name"], item["unit"], (item["specification"][0], item["specification"][1]))
                for item in facts["targets"]
            ),
            groups={
                product: GroupModel(
                    product_id=product,
                    targets={
                        target: _target_model(
                            coefficients[name, product, target],
                            residuals[name, product, target],
                            Limits(**document["limits"]),
                        )
                        for target in group["trained"]
                    },
                    untrained=group["untrained"],
                    batches=group["batches"],
                    last_batch=group["last_batch"],
                )
                for product, group in facts["groups"].items()
            },
        )
        for name, facts in document["locations"].items()
    }
    return Model(locations, document["data_version"], document["training"], Limits(**document["limits"]))


def _target_model(rows: NDArray[np.float64], residuals: NDArray[np.float64], limits: Limits) -> TargetModel:
    return TargetModel(
        intercept=float(rows[0, 0]),
        coefficients=rows[1:, 0],
        minimum=rows[1:, 1],
        maximum=rows[1:, 2],
        fill=rows[1:, 3],
        lowest=float(rows[0, 1]),
        highest=float(rows[0, 2]),
        residuals=residuals[:, 0],
        limits=limits,
    )


def _table(path: Path, columns: Sequence[str]) -> dict[tuple[str, str, str], NDArray[np.float64]]:
    """Read a table's numbers by (location, product_id, target): shape (rows, columns) each, in the file's order."""
    import numpy as np

    if path.read_bytes().count(b"\n") < 2:  # nothing was trained
        return {}
    table = read_text_table(path)
    numbers = np.column_stack([to_numbers(table.column(name))[0] for name in columns])
    starts: dict[tuple[str, str, str], int] = {}
    keys = zip(*(table.column(name) for name in ("location", "product_id", "target")), strict=True)
    for row, key in enumerate(keys):
        starts.setdefault(key, row)
    ends = [*list(starts.values())[1:], table.rows]
    return {key: numbers[start:end] for (key, start), end in zip(starts.items(), ends, strict=True)}

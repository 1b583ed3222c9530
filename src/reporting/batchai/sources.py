"""What the report is made of: the prepared data, the model and, where there is one, its evaluation.

Every number is rounded to seven significant digits when it is read, so that the page and the CSVs beside it hold the
very same numbers. One that is no finite number is None: undefined.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from src.common.committed_folder import CommittedFolder, reading
from src.common.json_text import from_json
from src.common.tables import read_text_table
from src.data_preparation.batchai.adjustable_description import Recipe
from src.data_preparation.batchai.category_description import Category
from src.data_preparation.batchai.data_warnings import SEVERITIES
from src.data_preparation.batchai.prepared_data import KIND as PREPARED_KIND
from src.data_preparation.batchai.prepared_data import MADE_BY as PREPARED_BY
from src.data_preparation.batchai.prepared_data import PreparedTarget
from src.data_preparation.batchai.reports import GROUPS, REJECTED, WARNINGS
from src.data_preparation.batchai.target_description import LOG
from src.reporting.batchai.evaluated import Evaluation, evaluation_manifest, read_evaluation
from src.reporting.batchai.feature_data import Key, Range, Values, read_ranges, read_values
from src.reporting.batchai.profile import LocationProfile, read_profiles
from src.reporting.batchai.rows import Row, number, read_rows
from src.reporting.batchai.watched import Watched, read_watched
from src.training.batchai import model_files
from src.training.batchai.coefficient_csv import COEFFICIENT
from src.training.batchai.model import MADE_BY
from src.training.batchai.out_of_fold import OutOfFold, read_out_of_fold
from src.training.batchai.rmse_csv import RMSE

COEFFICIENT_COLUMNS = (
    *("location", "product_id", "target", "feature", "coefficient", "error", "standardised", "lower", "upper"),
    *("at", "term", "with_feature"),
)


@dataclass(frozen=True)
class Errors:
    """How wrong the model of one target of one product is, in the unit of the target; None: undefined.

    Attributes:
        batches: Measured batches.
        rmse: Cross-validated root mean square error.
        rmse_mean: That of predicting the mean of training.
        skill: 1 - rmse/rmse_mean.
        rmse_forward: The error when later batches are predicted from earlier ones.
        rmse_mean_forward: That of predicting the mean of the earlier ones.
        alpha: The penalty.
        prior: What the coefficients were shrunk toward.
        not_trained: Why there is no model; empty where there is one.
    """

    location: str
    product_id: str
    target: str
    unit: str
    batches: int
    rmse: float | None
    rmse_mean: float | None
    skill: float | None
    rmse_forward: float | None
    rmse_mean_forward: float | None
    alpha: float | None
    prior: str
    not_trained: str

    @property
    def key(self) -> Key:
        """Location, product and target."""
        return self.location, self.product_id, self.target


@dataclass(frozen=True)
class Coefficient:
    """A row of ``coefficient.csv``; `error` and the ends of the interval are None for the intercept.

    Attributes:
        term: ``intercept``, ``line``, ``curve`` (a row for each knot) or ``pair``.
        with_feature: The other feature of a pair.
        at: The knot of a curve.
    """

    feature: str
    value: float | None
    error: float | None
    standardised: float | None
    lower: float | None
    upper: float | None
    term: str
    with_feature: str
    at: float | None


@dataclass(frozen=True)
class Sources:
    """All that the report shows.

    Attributes:
        errors: Every target of every product, in the order of ``rmse.csv``.
        coefficients: Of each trained target, the intercept first.
        out_of_fold: Of each trained target, oldest batch first.
        groups: ``groups.csv``: what preparation counted per product.
        rejected: ``rejected.csv``: rows and values that preparation left out.
        warnings: ``warnings.csv``: what preparation found in the data that a person should look at.
        evaluation: None where there was none of this model.
        other_evaluation: Whether there is one of another model.
        training: How the model was trained, from ``model.json``.
        made: When the model was trained (`at`), and by which code.
        data_version: The version of the data that the model was trained on.
        prepared_version: The version of the prepared data that lies there now.
        model_version: What names exactly this model.
        categories: The categories of each location.
        logarithms: The location and target of models that predict a logarithm.
        ranges: What was seen in training of features with a curve or in a pair, by model and feature.
        values: How their values are spread, by location and product, and feature; empty where the prepared data is
            newer than the model.
        watched: What monitoring found; None where it has not run.
        profiles: What the prepared data that lies there now looks like, by location.
    """

    errors: Sequence[Errors]
    coefficients: Mapping[Key, Sequence[Coefficient]]
    out_of_fold: Mapping[Key, OutOfFold]
    groups: Sequence[Row]
    rejected: Sequence[Row]
    warnings: Sequence[Row]
    evaluation: Evaluation | None
    other_evaluation: bool
    training: Mapping[str, Any]
    made: Mapping[str, str]
    data_version: str
    prepared_version: str
    model_version: str
    categories: Mapping[str, Sequence[Category]]
    logarithms: Collection[tuple[str, str]]
    ranges: Mapping[Key, Mapping[str, Range]]
    values: Mapping[tuple[str, str], Mapping[str, Values]]
    watched: Watched | None
    profiles: Sequence[LocationProfile]


def read_sources(*, prepared: Path, model: Path, evaluation: Path | None, monitoring: Path | None = None) -> Sources:
    """Read everything that the report shows.

    Args:
        prepared: The prepared data.
        model: The model.
        evaluation: The evaluation; there need not be one in this folder. None: it is of no concern.
        monitoring: What monitoring wrote; there need not be anything.

    Raises:
        DataError: A folder is missing.
        IntegrityError: A file was changed.
    """
    with (
        reading(prepared, kind=PREPARED_KIND, made_by=PREPARED_BY, files=(GROUPS, REJECTED)) as prepared_folder,
        reading(model, kind=model_files.KIND, made_by=MADE_BY) as trained,
    ):
        evaluated = evaluation_manifest(evaluation)
        ours = evaluated is not None and evaluated.facts.get("challenger") == trained.manifest.version
        data_version = trained.manifest.facts["data_version"]
        coefficients = _coefficients(model / COEFFICIENT)
        bent = {key: features for key, lines in coefficients.items() if (features := _bent(lines))}
        same_data = prepared_folder.manifest.version == data_version
        document = from_json(trained.read(model_files.MODEL))
        return Sources(
            errors=[_errors(row) for row in read_rows(model / RMSE)],
            coefficients=coefficients,
            out_of_fold=read_out_of_fold(model),
            groups=read_rows(prepared / GROUPS),
            rejected=read_rows(prepared / REJECTED),
            warnings=_warnings(prepared_folder),
            evaluation=read_evaluation(evaluation) if evaluation and ours else None,
            other_evaluation=evaluated is not None and not ours,
            training=document["training"],
            made=trained.manifest.made,
            data_version=str(data_version),
            prepared_version=prepared_folder.manifest.version,
            model_version=trained.manifest.version,
            categories={
                name: Recipe.from_facts(facts.get("recipe")).categories
                for name, facts in document.get("locations", {}).items()
            },
            logarithms={
                (name, target["name"])
                for name, facts in document.get("locations", {}).items()
                for target in facts.get("targets", ())
                if PreparedTarget.from_facts(target).scale == LOG
            },
            ranges=read_ranges(model, bent),
            values=read_values(prepared, bent) if same_data else {},
            watched=read_watched(monitoring),
            profiles=list(read_profiles(prepared, read_rows(prepared / GROUPS))),
        )


def _warnings(prepared: CommittedFolder) -> list[Row]:
    """The warnings about the prepared data, the worst first; there is no file where there are none."""
    if WARNINGS not in prepared.manifest.files:
        return []
    rows = csv.DictReader(io.StringIO(prepared.read(WARNINGS).decode(), newline=""))
    return sorted(rows, key=lambda row: SEVERITIES.index(row["severity"]))


def _bent(lines: Sequence[Coefficient]) -> set[str]:
    """The features that have a curve or act together with another."""
    names = ((line.feature, line.with_feature) for line in lines if line.term in ("curve", "pair"))
    return {name for pair in names for name in pair if name}


def _errors(row: Row) -> Errors:
    return Errors(
        location=row["location"],
        product_id=row["product_id"],
        target=row["target"],
        unit=row["unit"],
        batches=int(row["batches"] or 0),
        rmse=number(row["rmse"]),
        rmse_mean=number(row["rmse_mean"]),
        skill=number(row["skill"]),
        rmse_forward=number(row["rmse_forward"]),
        rmse_mean_forward=number(row["rmse_mean_forward"]),
        alpha=number(row["alpha"]),
        prior=row["prior"],
        not_trained=row["not_trained"],
    )


def _coefficients(path: Path) -> dict[Key, list[Coefficient]]:
    if path.read_bytes().count(b"\n") < 2:
        return {}
    table = read_text_table(path)
    found: dict[Key, list[Coefficient]] = {}
    for location, product, target, feature, *cells in zip(*map(table.column, COEFFICIENT_COLUMNS), strict=True):
        value, error, standardised, lower, upper, at = map(number, cells[:6])
        line = Coefficient(feature, value, error, standardised, lower, upper, cells[6], cells[7], at)
        found.setdefault((location, product, target), []).append(line)
    return found

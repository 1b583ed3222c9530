"""Made-up results of training, as the report reads them: seeded, of any size, with any ids."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from src.common.committed_folder import read_manifest, replace_folder
from src.common.tables import format_csv
from src.data_preparation.batchai import prepared_data, reports
from src.evaluation.gate import DECISION, HEADER, TABLE
from src.evaluation.gate import KIND as EVALUATION_KIND
from src.training.batchai import coefficient_csv, model_files, out_of_fold, rmse_csv
from src.training.batchai.model import INTERCEPT

REJECTED_HEADER = ("location", "product_id", "batch_id", "file", "row", "column", "value", "reason")
DATA_VERSION = "0123456789ab"


@dataclass(frozen=True)
class MadeTarget:
    """A target of a group.

    Attributes:
        noise: Standard deviation of the residuals, where that of the target is about 1.
        constant: Nothing varies, so that its skill is undefined.
        not_trained: Why there is no model; empty where there is one.
    """

    name: str
    unit: str = "%"
    noise: float = 0.3
    constant: bool = False
    not_trained: str = ""


@dataclass(frozen=True)
class MadeGroup:
    """A product at a location; `seed` makes its numbers."""

    location: str
    product_id: str
    targets: Sequence[MadeTarget]
    seed: int = 1
    batches: int = 30
    batch_prefix: str = "B"


@dataclass(frozen=True)
class ReportInputs:
    """The folders that the report reads."""

    root: Path

    @property
    def arguments(self) -> list[str]:
        """The script's arguments."""
        folders = ("prepared", "model", "evaluation", "monitoring", "report")
        return [text for name in folders for text in (f"--{name}_folder", str(self.root / name))]

    @property
    def report(self) -> Path:
        """Where the report is written."""
        return self.root / "report"

    @property
    def page(self) -> Path:
        """The page."""
        return self.report / "report.html"


@dataclass
class _Lines:
    errors: list[tuple[object, ...]] = field(default_factory=list)
    coefficients: list[tuple[object, ...]] = field(default_factory=list)
    out_of_fold: list[tuple[object, ...]] = field(default_factory=list)


def write_report_inputs(
    root: Path,
    groups: Sequence[MadeGroup],
    *,
    features: Sequence[str] = ("temperature", "pressure", "water"),
    rejected: Sequence[Sequence[object]] = (),
    lost: Sequence[tuple[str, str, int, str]] = (),
    decision: Mapping[str, Any] | None = None,
    comparisons: Sequence[Sequence[object]] = (),
    slopes: Sequence[float] = (),
    terms: Sequence[Sequence[object]] = (),
    ranges: Sequence[Sequence[object]] = (),
    prepared: prepared_data.PreparedLocation | None = None,
) -> ReportInputs:
    """Write the folders.

    Args:
        root: The folder that they lie in.
        groups: What was trained.
        features: Names of the features of all groups.
        rejected: Rows of ``rejected.csv``.
        lost: Location, product, batches and reason of products that data preparation left nothing of.
        decision: ``decision.json``; None for no evaluation.
        comparisons: Rows of ``evaluation.csv``.
        slopes: The coefficients of the first features; those of the others are by chance.
        terms: Rows of curves and pairs in ``coefficient.csv``.
        ranges: Rows of the model's table of ranges.
        prepared: What the model was trained on, and which categories there are; None: something else lies there.
    """
    lines = _Lines()
    for group in groups:
        _add_group(lines, group, features, slopes)
    with replace_folder(root / "prepared", kind=prepared_data.KIND) as staged:
        kept = [(g.location, g.product_id, g.batches, g.batches, 0, 0, g.batches, 3, 1, "yes") for g in groups]
        gone = [(location, product, batches, *[0] * 6, reason) for location, product, batches, reason in lost]
        staged.write(reports.GROUPS, format_csv(reports.GROUPS_HEADER, [*kept, *gone]))
        staged.write(reports.REJECTED, format_csv(REJECTED_HEADER, rejected))
        staged.facts["locations"] = {}
        if prepared:
            prepared_data.write_location(staged, prepared)
    version = read_manifest(root / "prepared", kind=prepared_data.KIND, made_by="").version
    coefficients = [*lines.coefficients, *terms]
    with replace_folder(root / "model", kind=model_files.KIND) as staged:
        staged.write(rmse_csv.RMSE, format_csv(rmse_csv.RMSE_HEADER, lines.errors))
        staged.write(coefficient_csv.COEFFICIENT, format_csv(coefficient_csv.COEFFICIENT_HEADER, coefficients))
        facts = (
            {
                prepared.location: {
                    "recipe": prepared.recipe.facts(),
                    "targets": [target.facts() for target in prepared.targets],
                }
            }
            if prepared
            else {}
        )
        staged.write_json(model_files.MODEL, {"training": {"method": "ridge", "folds": 10}, "locations": facts})
        if ranges:
            staged.write(model_files.RANGES, format_csv(model_files.HEADERS[model_files.RANGES], ranges))
        staged.write(out_of_fold.NAME, format_csv(out_of_fold.HEADER, lines.out_of_fold))
        staged.facts["data_version"] = version if prepared else DATA_VERSION
        staged.made.update(at="2026-11-30T08:00:00Z", code="0123abc")
    if decision is not None:
        with replace_folder(root / "evaluation", kind=EVALUATION_KIND) as staged:
            staged.write_json(DECISION, decision)
            staged.write(TABLE, format_csv(HEADER, comparisons))
            staged.facts["challenger"] = model_files.model_version(root / "model")
    return ReportInputs(root)


def _add_group(lines: _Lines, group: MadeGroup, features: Sequence[str], slopes: Sequence[float]) -> None:
    chance = np.random.default_rng(group.seed)
    for target in group.targets:
        key = (group.location, group.product_id, target.name)
        if target.not_trained:
            lines.errors.append((*key, target.unit, group.batches, *[None] * 8, target.not_trained))
            continue
        measured = np.full(group.batches, 5.0) if target.constant else 50 + chance.normal(size=group.batches)
        predicted = measured if target.constant else measured + target.noise * chance.normal(size=group.batches)
        lines.errors.append((*key, target.unit, group.batches, *_errors(measured, predicted), 1.0, "none", 0.0, ""))
        lines.coefficients += [(*key, *part, "", None) for part in _coefficients(chance, features, slopes)]
        ids = [f"{group.batch_prefix}{place:05}" for place in range(group.batches)]
        mean = [float(measured.mean())] * group.batches
        folds = [place % 5 for place in range(group.batches)]
        rows = zip(ids, measured.tolist(), predicted.tolist(), mean, folds, strict=True)
        lines.out_of_fold += [(*key, *row) for row in rows]


def _errors(measured: NDArray[np.float64], predicted: NDArray[np.float64]) -> tuple[float, ...]:
    rmse = math.sqrt(float(np.mean((measured - predicted) ** 2)))
    rmse_mean = float(measured.std())
    skill = 1 - rmse / rmse_mean if rmse_mean else math.nan
    return rmse, rmse_mean, skill, rmse * 1.1, rmse_mean * 1.2


def _coefficients(
    chance: np.random.Generator, features: Sequence[str], slopes: Sequence[float]
) -> Iterator[tuple[object, ...]]:
    yield (INTERCEPT, float(chance.normal()), None, None, None, None, "intercept")
    values = chance.normal(size=(len(features), 2))
    values[: len(slopes), 0] = slopes
    errors = 0.3 * chance.random(len(features))
    for name, (coefficient, scale), error in zip(features, values.tolist(), errors.tolist(), strict=True):
        ends = (1.1 * coefficient - 2 * error, 1.1 * coefficient + 2 * error)
        yield (name, coefficient, error, coefficient * abs(scale), *ends, "line")

"""``groups.csv``, ``rejected.csv`` and the summary on the console: what became of each batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import astuple, fields
from typing import TYPE_CHECKING

from src.common.tables import format_csv
from src.data_preparation.batchai.data_warnings import SEVERITIES
from src.data_preparation.batchai.joined_export import Rejection
from src.data_preparation.batchai.preparation import Preparation
from src.data_preparation.batchai.prepared_data import PreparedGroup

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

GROUPS = "groups.csv"
REJECTED = "rejected.csv"
WARNINGS = "warnings.csv"
WARNINGS_HEADER = ("location", "severity", "features", "warning")
GROUPS_HEADER = (
    *("location", "product_id", "batches", "kept", "pending", "rejected", "rows", "features", "targets", "trainable"),
)


def format_groups(preparations: Sequence[Preparation], *, min_batches: int, failed: Mapping[str, str]) -> str:
    """Count the batches of every group.

    Args:
        preparations: The locations.
        min_batches: A group with fewer measured batches can't be trained, and the table says so.
        failed: Locations that could not be prepared, and what became of them: a row without a product.
    """
    rows: list[tuple[object, ...]] = [(name, "", *[0] * 7, note) for name, note in failed.items()]
    for preparation in preparations:
        prepared = preparation.prepared
        groups = {group.product_id: group for group in prepared.groups}
        for product, batches in sorted(preparation.batches_in.items()):
            group = groups.get(product)
            counts = _counts(group, min_batches) if group else (0, 0, 0, 0, 0, "no batch was kept")
            kept, pending, lines, features, targets, trainable = counts
            rejected = max(0, batches - _batches(group)) if group else batches
            rows.append(
                (prepared.location, product, batches, kept, pending, rejected, lines, features, targets, trainable)
            )
    return format_csv(GROUPS_HEADER, sorted(rows, key=lambda row: str(row[0])))


def _batches(group: PreparedGroup) -> int:
    """Batches of which any row was kept, measured or pending."""
    return len(set(group.batch_ids) | set(group.pending.batch_ids))


def _counts(group: PreparedGroup, min_batches: int) -> tuple[int, int, int, int, int, str]:
    kept = len(set(group.batch_ids))
    needed = f"{kept} measured batches, at least {min_batches} are needed for a model of its own"
    trainable = "yes" if kept >= min_batches else needed
    return (
        kept,
        len(set(group.pending.batch_ids)),
        len(group.batch_ids),
        _varying(group.features),
        _varying(group.targets),
        trainable,
    )


def _varying(columns: NDArray[np.float64]) -> int:
    """How many columns hold two different values."""
    import numpy as np

    low = np.where(np.isnan(columns), np.inf, columns).min(axis=0, initial=np.inf)
    high = np.where(np.isnan(columns), -np.inf, columns).max(axis=0, initial=-np.inf)
    return int((low < high).sum())


def format_rejected(preparations: Sequence[Preparation]) -> str:
    """List every row or value that was left out, with its file, its row number and the reason."""
    header = [item.name for item in fields(Rejection)]
    return format_csv(header, [astuple(rejection) for part in preparations for rejection in part.rejections])


def format_warnings(preparations: Sequence[Preparation]) -> str:
    """List what a person should look at."""
    rows = [
        (warning.location, warning.severity, ", ".join(warning.features), warning.message)
        for part in preparations
        for warning in part.warnings
    ]
    return format_csv(WARNINGS_HEADER, rows)


def summary_rows(preparations: Sequence[Preparation]) -> tuple[Sequence[str], list[tuple[object, ...]]]:
    """A line per location for the console: header and rows."""
    rows: list[tuple[object, ...]] = []
    for part in preparations:
        groups = part.prepared.groups
        rows.append(
            (
                part.prepared.location,
                len(groups),
                sum(len(set(group.batch_ids)) for group in groups),
                sum(len(set(group.pending.batch_ids)) for group in groups),
                len(part.rejections),
                len(part.prepared.feature_names),
                len(part.prepared.targets),
                _severities(part),
            )
        )
    return ("location", "products", "measured batches", "pending", "left out", "features", "targets", "warnings"), rows


def _severities(part: Preparation) -> str:
    """How many warnings there are of each severity."""
    counts = Counter(warning.severity for warning in part.warnings)
    return ", ".join(f"{counts[severity]} {severity}" for severity in SEVERITIES if counts[severity]) or "none"

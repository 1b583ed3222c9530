"""Leaks and mistakes that no single cell shows, named before they cost a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from src.common.errors import some_of
from src.data_preparation.batchai.dropped_features import BLOCK_CELLS, PairSums
from src.data_preparation.batchai.patterns import as_regex
from src.data_preparation.batchai.prepared_data import PreparedLocation

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SEVERITIES = HIGH, LOW, ACCEPTED = "high", "low", "accepted"
ALONE = 0.96
"""From this share of a target's variance on, one feature predicts it with a fifth of the error of the mean: seldom a
cause, mostly a second reading of the result."""
MIN_ROWS = 12
MIN_PENDING = 3
COMPLETE = 0.9
MAX_COMPARED = 500
"""With more features, sums are not looked for: it takes the cube of their number."""


@dataclass(frozen=True)
class DataWarning:
    """Something in the data of a location that a person should look at.

    Attributes:
        location: The location.
        severity: `HIGH` where it may make a model wrong, `LOW` where it may make it worse, `ACCEPTED` where the
            description says that it is known.
        features: The features that it is about.
        message: What was found.
    """

    location: str
    severity: str
    features: tuple[str, ...]
    message: str


def data_warnings(prepared: PreparedLocation, *, accepted: Sequence[str] = ()) -> list[DataWarning]:
    """Look for leaks and mistakes in prepared data.

    Args:
        prepared: The location.
        accepted: Names and patterns of features: what is found of them is known.
    """
    import numpy as np

    measured = np.concatenate([group.features for group in prepared.groups])
    known = [as_regex(pattern) for pattern in accepted]
    found = [
        *_second_readings(prepared),
        *_known_too_late(prepared, measured),
        *_copied_rows(prepared),
        *_constant_sums(prepared, measured),
    ]
    return [
        replace(warning, severity=ACCEPTED)
        if warning.features and all(any(known_as.fullmatch(name) for known_as in known) for name in warning.features)
        else warning
        for warning in found
    ]


def _second_readings(prepared: PreparedLocation) -> Iterator[DataWarning]:
    """Features that explain a target almost alone, within the products: products may differ in everything."""
    import numpy as np

    targets = len(prepared.targets)
    step = max(1, BLOCK_CELLS // max(1, targets))
    for start in range(0, len(prepared.feature_names), step):
        names = prepared.feature_names[start : start + step]
        rows, x_spread, y_spread, shared = (np.zeros((len(names), targets)) for _ in range(4))
        for group in prepared.groups:
            x, y = (_centred(part) for part in (group.features[:, start : start + step], group.targets))
            sums = PairSums.of(*x, *y)
            rows += np.maximum(sums.count - 1, 0)
            x_spread += np.maximum(sums.x_spread, 0)
            y_spread += np.maximum(sums.y_spread, 0)
            shared += sums.product
        varies = (x_spread > 0) & (y_spread > 0)
        with np.errstate(over="ignore"):
            explained = shared**2 / np.where(varies, x_spread * y_spread, np.inf)
        for feature, place in np.argwhere((rows >= MIN_ROWS) & (explained >= ALONE)).tolist():
            share, target = min(float(explained[feature, place]), 1), prepared.targets[place].name
            yield DataWarning(
                prepared.location,
                HIGH,
                (names[feature],),
                f"{names[feature]} alone explains {share:.1%} of the variance of {target}: if it is"
                " measured with the result or computed from it, name it in never_features",
            )


def _centred(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Columns minus their means, gaps as 0; and 1 where a value is."""
    import numpy as np

    there = ~np.isnan(values)
    present = np.where(there, values, 0)
    centred = np.where(there, present - present.sum(axis=0) / np.maximum(there.sum(axis=0), 1), 0)
    return centred, there.astype(np.float64)


def _known_too_late(prepared: PreparedLocation, measured: NDArray[np.float64]) -> Iterator[DataWarning]:
    """Features that are there when the result is, and are not before."""
    import numpy as np

    pending = np.concatenate([group.pending.features for group in prepared.groups])
    if len(pending) < MIN_PENDING or not len(measured):
        return
    late = (~np.isnan(measured)).mean(axis=0) >= COMPLETE
    late &= np.isnan(pending).all(axis=0)
    for feature in np.flatnonzero(late).tolist():
        name = prepared.feature_names[feature]
        yield DataWarning(
            prepared.location,
            HIGH,
            (name,),
            f"{name} is empty in all {len(pending)} pending rows and complete in measured ones: it comes with the"
            " result, so a prediction can't use it",
        )


def _copied_rows(prepared: PreparedLocation) -> Iterator[DataWarning]:
    """Rows of one product that agree in every feature and every target, and are not held out together."""
    for group in prepared.groups:
        first: dict[bytes, int] = {}
        copies = []
        for row, cells in enumerate(zip(group.features, group.targets, strict=True)):
            earlier = first.setdefault(b"".join(part.tobytes() for part in cells), row)
            if group.kept_together[earlier] != group.kept_together[row]:
                copies.append(f"{group.batch_ids[earlier]} and {group.batch_ids[row]}")
        if copies:
            yield DataWarning(
                prepared.location,
                HIGH,
                (),
                f"{len(copies)} rows of product {group.product_id} are exact copies: {some_of(copies, most=3)};"
                " a copy in another fold makes the error look smaller than it is",
            )


def _constant_sums(prepared: PreparedLocation, measured: NDArray[np.float64]) -> Iterator[DataWarning]:
    """Features, such as the fractions of a mixture, whose sum never changes."""
    import numpy as np

    complete = measured[~np.isnan(measured).any(axis=1)]
    if not prepared.feature_names or len(prepared.feature_names) > MAX_COMPARED:
        return
    if len(complete) <= len(prepared.feature_names) + 1:
        return
    for relation in _exact_relations(complete):
        members = np.flatnonzero(np.abs(relation) > 1e-6).tolist()
        if len(members) < 2 or np.ptp(relation[members]) > 1e-6:
            continue
        names = tuple(prepared.feature_names[feature] for feature in members)
        total = complete[:, members].sum(axis=1).mean()
        yield DataWarning(
            prepared.location,
            LOW,
            names,
            f"{some_of(names, most=8)} always sum to {total:.6g}: the effect of one can't be told from that of the"
            " others; leave one out (never_features)",
        )


def _exact_relations(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights whose weighted sum of the columns is the same in all rows, one relation per line, as simple as possible.

    Args:
        rows: Shape (rows, columns), more rows than columns.
    """
    import numpy as np

    centred = rows - rows.mean(axis=0)
    scale = np.abs(centred).max(axis=0)
    scale[scale == 0] = 1
    _, values, right = np.linalg.svd(np.linalg.qr(centred / scale, mode="r"), full_matrices=False)
    null: NDArray[np.float64] = right[values < values[0] * 1e-10]
    solved = 0
    for column in reversed(range(rows.shape[1])):  # to echelon form from the right: derived columns stand last
        if solved == len(null):
            break
        best = solved + int(np.argmax(np.abs(null[solved:, column])))
        if abs(null[best, column]) < 1e-6:
            continue
        null[[solved, best]] = null[[best, solved]]
        null[solved] /= null[solved, column]
        others = np.arange(len(null)) != solved
        null[others] -= np.outer(null[others, column], null[solved])
        solved += 1
    weights: NDArray[np.float64] = null / scale
    return np.asarray(weights / np.abs(weights).max(axis=1, keepdims=True, initial=1e-300))

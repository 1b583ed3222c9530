"""``coefficient.csv``, of the model and exported to ``Training_Output/``: coefficients, with errors and intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING

from src.common.csv_columns import Texts, format_columns
from src.common.tables import read_text_table, to_numbers
from src.data_preparation.batchai.prepared_data import PreparedLocation
from src.training.batchai.location_fit import GroupFit, TargetFit
from src.training.batchai.model import INTERCEPT
from src.training.batchai.row_keys import KEYS, key_columns

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

COEFFICIENT = "coefficient.csv"
TERMS = ("intercept", "line", "curve", "pair")
CURVE, PAIR = 2, 3
NORMAL = 1.959964
"""So many standard errors to each side hold 95 % of a normal distribution."""
COEFFICIENT_HEADER = (
    *("location", "product_id", "target", "feature", "coefficient", "error", "standardised", "lower", "upper"),
    *("term", "with_feature", "at"),
)
"""`term` is ``intercept``, ``line``, ``curve`` (a row for each knot, `at` it: the deviation from the line) or ``pair``
(about the means of the feature and of `with_feature`)."""


def coefficient_rows(prepared: PreparedLocation, fits: Sequence[GroupFit]) -> bytes:
    """The rows of ``coefficient.csv``: the intercept, then each coefficient with its error and interval.

    A feature that never varied in a product, such as an ingredient that it does not have, has no row there: nothing is
    known of its effect, and that is not the same as an effect of zero.
    """
    import numpy as np

    trained = [
        (group.product_id, name, fit)
        for group in fits
        for name, fit in group.targets.items()
        if isinstance(fit, TargetFit)
    ]
    if not trained:
        return b""
    names = [INTERCEPT, *prepared.feature_names]
    values = np.full((5, len(trained), len(names)), np.nan)
    varies = np.ones((len(trained), len(names)), dtype=bool)
    for place, (*_, fit) in enumerate(trained):
        values[0, place, 0] = fit.intercept
        values[0, place, 1:], values[1, place, 1:], values[2, place, 1:] = (
            fit.coefficients,
            fit.errors,
            fit.standardised,
        )
        values[3:, place, 1:] = fit.intervals
        varies[place, 1:] = fit.fit.spread > 0
    owner, feature = np.nonzero(varies)
    nothing = np.zeros(len(owner), dtype=np.int64)
    lines = _Rows(owner, feature, values[:, varies], np.minimum(feature, 1), nothing, np.full(len(owner), np.nan))
    bent = [_bent(place, fit) for place, (*_, fit) in enumerate(trained) if fit.curves or fit.pairs]
    rows = _Rows.joined([lines, *bent]) if bent else lines
    keys = key_columns(prepared.location, [(product, name) for product, name, _ in trained])
    return format_columns(
        [
            *(Texts(key.values, key.codes[rows.owner]) for key in keys),
            Texts(names, rows.feature),
            *rows.numbers,
            Texts(TERMS, rows.term),
            Texts(["", *names[1:]], rows.other),
            rows.at,
        ]
    )


@dataclass(frozen=True)
class _Rows:
    """Rows of ``coefficient.csv``.

    Attributes:
        owner: Shape (rows,): the number of the model.
        feature: Shape (rows,): 0 for the intercept, else the place of the feature, from 1.
        numbers: Shape (5, rows): coefficient, error, standardised, lower, upper.
        term: Shape (rows,): the place among `TERMS`.
        other: Shape (rows,): the other feature of a pair, from 1; 0 where there is none.
        at: Shape (rows,): the knot of a curve.
    """

    owner: NDArray[np.int64]
    feature: NDArray[np.int64]
    numbers: NDArray[np.float64]
    term: NDArray[np.int64]
    other: NDArray[np.int64]
    at: NDArray[np.float64]

    @classmethod
    def joined(cls, parts: Sequence[_Rows]) -> _Rows:
        """All rows, model by model."""
        import numpy as np

        whole = [np.concatenate([getattr(part, item.name) for part in parts], axis=-1) for item in fields(cls)]
        order = np.argsort(whole[0], kind="stable")
        return cls(*(column[..., order] for column in whole))


def _bent(owner: int, fit: TargetFit) -> _Rows:
    """The rows of a model's curves and pairs."""
    import numpy as np

    rows = [
        (curve.feature + 1, value, error, CURVE, 0, knot)
        for curve in fit.curves
        for knot, value, error in zip(curve.knots.tolist(), curve.values.tolist(), curve.errors.tolist(), strict=True)
    ]
    rows += [(pair.first + 1, pair.coefficient, pair.error, PAIR, pair.second + 1, np.nan) for pair in fit.pairs]
    feature, value, error, term, other, at = np.array(rows, dtype=np.float64).reshape(-1, 6).T
    numbers = np.stack([value, error, np.full_like(value, np.nan), value - NORMAL * error, value + NORMAL * error])
    places = (column.astype(np.int64) for column in (np.full_like(value, owner), feature, term, other))
    owners, features, terms, others = places
    return _Rows(owners, features, numbers, terms, others, at)


@dataclass(frozen=True)
class ReadTerms:
    """The terms of a model as they stand in ``coefficient.csv``.

    Attributes:
        lines: The intercept and the slopes, by feature.
        curves: By feature: shape (3, knots), the knots, the values there and their standard errors.
        pairs: The coefficient and its standard error, by the two features.
    """

    lines: dict[str, float] = field(default_factory=dict)
    curves: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    pairs: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)


def read_terms(path: Path) -> dict[tuple[str, str, str], ReadTerms]:
    """Read the terms of each (location, product_id, target).

    Raises:
        DataError: A column is missing.
    """
    import numpy as np

    if path.read_bytes().count(b"\n") < 2:  # nothing was trained
        return {}
    table = read_text_table(path)
    found: dict[tuple[str, str, str], ReadTerms] = {}
    columns = [table.column(name) for name in (*KEYS, "feature", "term", "with_feature")]
    numbers = [to_numbers(table.column(name))[0].tolist() for name in ("coefficient", "error", "at")]
    for location, product, target, feature, term, other, value, error, at in zip(*columns, *numbers, strict=True):
        terms = found.setdefault((location, product, target), ReadTerms())
        if term == TERMS[CURVE]:
            earlier = terms.curves.get(feature, np.empty((3, 0)))
            terms.curves[feature] = np.column_stack([earlier, (at, value, error)])
        elif term == TERMS[PAIR]:
            terms.pairs[feature, other] = (value, error)
        else:
            terms.lines[feature] = value
    return found

"""``input_space.csv`` of a model: per product what `input_space.InputSpace` knows, a number per row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from src.common.csv_columns import Texts, format_columns
from src.common.errors import IntegrityError
from src.common.tables import read_text_table, to_numbers
from src.training.batchai.input_space import BoxDistribution, InputSpace

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NAME = "input_space.csv"
HEADER = ("location", "product_id", "what", "component", "feature", "value")
ROWS, MEAN, SPREAD, VARIANCE, LOADING = "batches", "mean", "spread", "variance", "loading"
DISTANCES = ("t2_scale", "t2_freedom", "spe_scale", "spe_freedom")


def format_spaces(location: str, features: Sequence[str], spaces: Mapping[str, InputSpace]) -> bytes:
    """The rows of the products of a location, without a header; the spread of a constant feature is an empty cell."""
    import numpy as np

    if not spaces:
        return b""
    parts = [_rows(space, len(features)) for space in spaces.values()]
    counts = np.asarray([len(part[0]) for part in parts])
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    what, component, feature, value = columns
    return format_columns(
        [
            Texts([location], np.zeros(len(what), dtype=np.int64)),
            Texts(list(spaces), np.repeat(np.arange(len(spaces)), counts)),
            Texts(_WHAT, what.astype(np.int64)),
            component,
            Texts([*features, ""], np.where(feature < 0, len(features), feature).astype(np.int64)),
            value,
        ]
    )


_WHAT = (ROWS, *DISTANCES, MEAN, SPREAD, VARIANCE, LOADING)


def _rows(space: InputSpace, features: int) -> tuple[NDArray[np.float64], ...]:
    """What a space knows: places in `_WHAT`, numbers of components (NaN: of none), features (-1: of none), values."""
    import numpy as np

    count = len(space.variances)
    single = [space.rows, space.within.scale, space.within.freedom, space.beside.scale, space.beside.freedom]
    place, numbers = np.arange(features), np.arange(1, count + 1)
    blocks = [
        (np.arange(len(single)), np.nan, -1, single),
        (_WHAT.index(MEAN), np.nan, place, space.mean),
        (_WHAT.index(SPREAD), np.nan, place, np.where(np.isinf(space.spread), np.nan, space.spread)),
        (_WHAT.index(VARIANCE), numbers, -1, space.variances),
        (_WHAT.index(LOADING), numbers.repeat(features), np.tile(place, count), space.components.ravel()),
    ]
    columns = [np.broadcast_arrays(*(np.asarray(part, dtype=np.float64) for part in block)) for block in blocks]
    return tuple(np.concatenate(column) for column in zip(*columns, strict=True))


def read_spaces(path: Path) -> dict[tuple[str, str], InputSpace]:
    """Read the spaces of all products, by location and product.

    Raises:
        IntegrityError: Rows are missing, or numbers that can't be.
    """
    import numpy as np

    if path.read_bytes().count(b"\n") < 2:
        return {}
    table = read_text_table(path)
    values, _ = to_numbers(table.column("value"))
    keys = list(zip(table.column("location"), table.column("product_id"), strict=True))
    starts = [row for row in range(table.rows) if row == 0 or keys[row] != keys[row - 1]]
    what = np.asarray(table.column("what"))
    found = {}
    for start, end in zip(starts, [*starts[1:], table.rows], strict=True):
        parts = {name: values[start:end][what[start:end] == name] for name in _WHAT}
        found[keys[start]] = _space(parts, where=f"{path}, {', '.join(keys[start])}")
    return found


def _space(parts: Mapping[str, NDArray[np.float64]], *, where: str) -> InputSpace:
    import numpy as np

    single = np.concatenate([parts[name] for name in (ROWS, *DISTANCES)])
    features, count = len(parts[MEAN]), len(parts[VARIANCE])
    numbers = np.concatenate([single, parts[MEAN], parts[VARIANCE], parts[LOADING]])
    spreads = parts[SPREAD]
    whole = len(single) == 1 + len(DISTANCES) and len(spreads) == features and len(parts[LOADING]) == count * features
    if not (whole and np.isfinite(numbers).all() and (single > 0).all() and (parts[VARIANCE] > 0).all()):
        raise IntegrityError(
            "the space of inputs is incomplete, or holds a number that can't be",
            where=where,
            hint="train again: python src/training/batchai/batchai_training.py",
        )
    rows, within, within_freedom, beside, beside_freedom = single.tolist()
    return InputSpace(
        rows=int(rows),
        mean=parts[MEAN],
        spread=np.where(np.isnan(spreads), np.inf, spreads),
        components=parts[LOADING].reshape(count, features),
        variances=parts[VARIANCE],
        within=BoxDistribution(within, within_freedom),
        beside=BoxDistribution(beside, beside_freedom),
    )

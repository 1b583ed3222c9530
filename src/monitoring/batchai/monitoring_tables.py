"""The tables of ``outputs/monitoring/``: what was found, what the charts show, and how far inputs are from training.

- ``signals.csv``: the signals and hints, strongest first;
- ``charts.csv``: a row per model and batch, oldest first: the residuals of training out of fold, then those since;
- ``inputs.csv``: a row per batch that training did not know, measured or pending;
- ``watched.csv``: how much was looked at, and how many hints a stable process gives;
- ``monitoring.json``: how many signals there are, and how many batches were measured since training.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from src.common.csv_columns import Texts, format_columns
from src.common.tables import format_csv
from src.monitoring.batchai.charts import Charted, limits_of
from src.monitoring.batchai.history import Excursions
from src.monitoring.batchai.inputs import Inputs
from src.monitoring.batchai.series import Series
from src.monitoring.batchai.signals import FALSE_SIGNALS, HINT_LEVEL, SIGNAL_LEVEL, Finding, Watched

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KIND = "monitoring"
SIGNALS, CHARTS, INPUTS, WATCHED = "signals.csv", "charts.csv", "inputs.csv", "watched.csv"
OUTCOME = "monitoring.json"
SIGNALS_HEADER = (
    *("level", "kind", "location", "product_id", "target", "what", "since_batch", "batches"),
    *("statistic", "limit", "chance", "text"),
)
CHARTS_HEADER = (
    *("location", "product_id", "target", "unit", "batch_id", "known_to", "residual", "held"),
    *("level", "spread", "single", "single_limit", "ewma", "ewma_limit"),
    *("cusum", "cusum_limit", "growth", "growth_limit"),
)
INPUTS_HEADER = (
    *("location", "product_id", "batch_id", "state", "t2", "t2_limit", "spe", "spe_limit", "chance", "features"),
)
WATCHED_HEADER = ("kind", "watched", "signals", "expected_false_signals", "hints", "expected_hints")
TRAINING, NEW = "training", "new"


def format_signals(watched: Sequence[Watched]) -> str:
    """``signals.csv``."""
    rows = [(level, one) for part in watched for level, one in part.judged()]
    rows.sort(key=lambda row: (row[0] != SIGNAL_LEVEL, row[1].chance))
    return format_csv(SIGNALS_HEADER, (_signal_cells(level, one) for level, one in rows))


def _signal_cells(level: str, one: Finding) -> tuple[object, ...]:
    limit = one.limit if math.isfinite(one.limit) else None
    statistic = one.statistic if math.isfinite(one.statistic) else None
    keys = (level, one.kind, one.location, one.product_id, one.target, one.what, one.since, one.batches)
    return (*keys, statistic, limit, one.chance, one.text)


def format_watched(watched: Sequence[Watched]) -> str:
    """``watched.csv``."""
    rows = []
    for part in watched:
        levels = [level for level, _ in part.judged()]
        signals, hints = levels.count(SIGNAL_LEVEL), levels.count(HINT_LEVEL)
        rows.append((part.kind, len(part.findings), signals, signals * FALSE_SIGNALS, hints, part.expected_hints))
    return format_csv(WATCHED_HEADER, rows)


def format_inputs(inputs: Sequence[Inputs]) -> str:
    """``inputs.csv``."""
    return format_csv(INPUTS_HEADER, (row for one in inputs for row in _input_rows(one)))


def _input_rows(one: Inputs) -> Iterator[tuple[object, ...]]:
    found = one.distances
    for row, (batch_id, waits) in enumerate(zip(one.batch_ids.tolist(), one.pending.tolist(), strict=True)):
        keys = (one.location, one.product_id, batch_id, "pending" if waits else "measured")
        if found is None:
            yield (*keys, *[None] * 6)
            continue
        within, beside = (limit if math.isfinite(limit) else None for limit in one.limits)
        shares = found.shares()[row]
        order = [place for place in shares.argsort(kind="stable")[::-1].tolist() if shares[place] > 0.1]
        named = "; ".join(f"{one.feature_names[place]} {shares[place]:.0%}" for place in order)
        distances = (float(found.within[row]), within, float(found.beside[row]), beside)
        yield (*keys, *distances, float(found.chance[row]), named)


def format_charts(
    series: Sequence[Series], charted: Mapping[int, Charted], excursions: Mapping[int, Excursions]
) -> bytes:
    """``charts.csv``."""
    header = format_csv(CHARTS_HEADER, []).encode()
    if not series:
        return header
    import numpy as np

    counts = np.asarray([len(one.batch_ids) + len(one.new_ids) for one in series])
    texts = [Texts.of([one.key[part] for one in series]).each(counts) for part in range(3)]
    units = Texts.of([one.unit for one in series]).each(counts)
    numbers = [_chart_columns(one, charted.get(n), excursions.get(n)) for n, one in enumerate(series)]
    known = [(len(one.batch_ids), len(one.new_ids)) for one in series]
    states = Texts([TRAINING, NEW], np.repeat(np.tile([0, 1], len(series)), np.asarray(known).ravel()))
    batch_ids = np.concatenate([part for one in series for part in (one.batch_ids, one.new_ids)])
    return header + format_columns([*texts, units, batch_ids, states, *np.concatenate(numbers, axis=1)])


def _chart_columns(one: Series, charted: Charted | None, excursions: Excursions | None) -> NDArray[np.float64]:
    """Shape (columns, batches): from ``residual`` on; NaN where there is nothing."""
    import numpy as np

    count = len(one.batch_ids)
    columns = np.full((12, count + len(one.new_ids)), np.nan)
    columns[0] = np.concatenate([one.residuals, one.new_residuals])
    if one.held is not None:
        columns[1, count:] = one.held
    for place, excursion in enumerate(excursions or ()):
        columns[2 + place, :count] = excursion.sums
    if charted is not None:
        limits = limits_of(charted.batches, charted.before)
        for place, (part, limit) in enumerate(zip(charted.charts, limits, strict=True)):
            columns[4 + 2 * place, count:] = part.statistic
            columns[5 + 2 * place, count:] = limit
    return columns

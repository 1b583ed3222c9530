"""What monitoring found, as the report shows it: signals by product, control charts by model."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from src.common.committed_folder import reading
from src.common.manifest import MANIFEST_NAME
from src.common.tables import read_text_table
from src.monitoring.batchai.monitoring_tables import CHARTS, KIND, NEW, SIGNALS, SIGNALS_HEADER
from src.monitoring.batchai.signals import BEFORE, SIGNAL_LEVEL
from src.reporting.batchai.feature_data import Key
from src.training.batchai.intervals import COVERAGE

MADE_BY = "python src/monitoring/batchai/batchai_monitoring.py"
LIMITED = ("single", "ewma", "cusum", "growth")
"""The charts of batches since training, each with a limit."""
SUMS = ("level", "spread")
"""The cumulative sums of the batches of training."""
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Signal:
    """A row of ``signals.csv``; `target` is empty where inputs were watched."""

    level: str
    kind: str
    target: str
    what: str
    since: str
    chance: float
    text: str

    @property
    def strength(self) -> float:
        """How strong it is: minus the logarithm to the base 10 of how likely a stable process shows as much."""
        return -math.log10(max(self.chance, 1e-300))


@dataclass(frozen=True)
class Watched:
    """What monitoring found.

    Attributes:
        model_version: The version of the model that was watched.
        signals: Of each product, the strongest first.
        charts: Of each model with batches since training or with a signal: columns by name, see `_charts_of`.
    """

    model_version: str = ""
    signals: Mapping[tuple[str, str], Sequence[Signal]] = field(default_factory=dict)
    charts: Mapping[Key, Mapping[str, Any]] = field(default_factory=dict)

    def of(self, key: Key) -> list[Signal]:
        """The signals and hints of one model."""
        return [signal for signal in self.signals.get(key[:2], ()) if signal.target == key[2]]

    def of_inputs(self, location: str, product: str) -> list[Signal]:
        """The signals and hints of the inputs of a product."""
        return [signal for signal in self.signals.get((location, product), ()) if not signal.target]

    @property
    def number(self) -> int:
        """How many signals there are; hints are not counted."""
        return sum(signal.level == SIGNAL_LEVEL for part in self.signals.values() for signal in part)


def read_watched(folder: Path | None) -> Watched | None:
    """Read what monitoring wrote; None where it has not run.

    Raises:
        IntegrityError: A file was changed.
    """
    if folder is None or not (folder / MANIFEST_NAME).is_file():
        return None
    with reading(folder, kind=KIND, made_by=MADE_BY) as opened:
        signals: dict[tuple[str, str], list[Signal]] = {}
        for level, kind, location, product, target, what, since, _, _, _, chance, text in _rows(folder / SIGNALS):
            found = Signal(level, kind, target, what, since, float(chance), text)
            signals.setdefault((location, product), []).append(found)
        for part in signals.values():
            part.sort(key=lambda signal: (signal.level != SIGNAL_LEVEL, signal.chance))
        past = {
            (*product, signal.target) for product, part in signals.items() for signal in part if signal.kind == BEFORE
        }
        return Watched(str(opened.manifest.facts.get("model_version", "")), signals, _charts(folder / CHARTS, past))


def _rows(path: Path) -> list[tuple[str, ...]]:
    if path.read_bytes().count(b"\n") < 2:
        return []
    table = read_text_table(path)
    return list(zip(*(table.column(name) for name in SIGNALS_HEADER), strict=True))


def _charts(path: Path, past: set[Key]) -> dict[Key, dict[str, Any]]:
    """The charts of models with batches since training, or with a signal among those of training (`past`)."""
    if path.read_bytes().count(b"\n") < 2:
        return {}
    table = read_text_table(path)
    keys = list(zip(*(table.column(name) for name in ("location", "product_id", "target")), strict=True))
    new = [state == NEW for state in table.column("known_to")]
    rows: dict[Key, list[int]] = {}
    for row, (key, is_new) in enumerate(zip(keys, new, strict=True)):
        if is_new or key in past:
            rows.setdefault(key, []).append(row)
    columns = {name: table.column(name) for name in ("batch_id", "residual", "held", *LIMITED, *SUMS)}
    limits = {name: table.column(f"{name}_limit") for name in LIMITED}
    found = {}
    for key, places in rows.items():
        since, before = ([place for place in places if new[place] == wanted] for wanted in (True, False))
        found[key] = {
            "since": _charts_of({name: columns[name][since].tolist() for name in ("batch_id", "residual", *LIMITED)}),
            "limits": {name: _number(limits[name][since[0]]) if since else None for name in LIMITED},
            "coverage": _coverage([text for text in columns["held"][since] if text]),
            "training": _charts_of({name: columns[name][before].tolist() for name in ("batch_id", *SUMS)}),
        }
    return found


def _charts_of(columns: Mapping[str, Sequence[str]]) -> dict[str, list[Any]]:
    """Columns by name: ids as they are, numbers rounded."""
    return {
        name: list(texts) if name == "batch_id" else [_number(text) for text in texts]
        for name, texts in columns.items()
    }


def _number(text: str) -> float | None:
    return float(f"{float(text):.5g}") if text else None


def _coverage(held: Sequence[str]) -> dict[str, Any]:
    """The share of the first 1, 2, … batches that lay in their interval, and its exact confidence interval.

    Clopper & Pearson, *Biometrika* 26 (1934) 404-413.
    """
    import numpy as np
    from scipy.special import betaincinv

    inside = np.cumsum([float(text) > 0 for text in held])
    number = np.arange(1, len(held) + 1)
    outside = number - inside
    rest = (1 - CONFIDENCE) / 2
    lower = np.where(inside > 0, betaincinv(np.maximum(inside, 1), outside + 1, rest), 0.0)
    upper = np.where(outside > 0, betaincinv(inside + 1, np.maximum(outside, 1), 1 - rest), 1.0)
    shares = {"share": inside / number, "lower": lower, "upper": upper}
    return {"promised": COVERAGE, **{name: np.round(column, 4).tolist() for name, column in shares.items()}}

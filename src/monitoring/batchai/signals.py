"""From charts to signals: what is unlikely for a stable process, and stays so among all that is watched at once.

A *hint* is what a single model of a stable process shows with the chance `HINT`: among many models some are always
there, and how many is said. A *signal* is one that also holds when everything is counted that was looked at: of the
signals of a kind at most the share `FALSE_SIGNALS` is expected to be false (Benjamini & Hochberg, Journal of the Royal
Statistical Society B 57 (1995) 289-300), and where everything is stable there is none at all in 95 of 100 runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.monitoring.batchai import history
from src.monitoring.batchai.charts import DECISIVE, LEVEL, NAMES, SINGLE, Charted, chances, chart, combine, limits_of
from src.monitoring.batchai.quick_statistics import false_discovery_shares
from src.monitoring.batchai.scores import FEWEST, Tails
from src.monitoring.batchai.series import Series

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

HINT = 0.05
FALSE_SIGNALS = 0.05
SINCE, BEFORE, BATCH, FEATURE = "since training", "in training", "unusual batch", "shifted feature"
KINDS = (SINCE, BEFORE, BATCH, FEATURE)
SIGNAL_LEVEL, HINT_LEVEL = "signal", "hint"


@dataclass(frozen=True)
class Finding:
    """Something that was watched, and how likely a stable process shows as much.

    Attributes:
        kind: One of `KINDS`.
        location: Where.
        product_id: The product.
        target: The target; empty where inputs were watched.
        what: What was seen: a chart, a distance or a feature.
        since: The batch from which on it was seen.
        batches: How many batches were looked at.
        statistic: How strong it is.
        limit: What a stable process seldom exceeds.
        chance: How likely a stable process shows as much.
        text: A sentence.
    """

    kind: str
    location: str
    product_id: str
    target: str
    what: str
    since: str
    batches: int
    statistic: float
    limit: float
    chance: float
    text: str


@dataclass(frozen=True)
class Watched:
    """Everything of one kind that was watched.

    Attributes:
        kind: One of `KINDS`.
        findings: What was seen, also where it was nothing.
        hint_below: The chance below which something is a hint.
    """

    kind: str
    findings: Sequence[Finding]
    hint_below: float = HINT

    @property
    def expected_hints(self) -> float:
        """How many hints a stable process gives."""
        return self.hint_below * len(self.findings)

    def judged(self) -> list[tuple[str, Finding]]:
        """Signals and hints, the strongest first: the level and the finding."""
        import numpy as np

        if not self.findings:
            return []
        found = np.clip([one.chance for one in self.findings], 0, 1)
        adjusted = false_discovery_shares(found)
        levels = [
            SIGNAL_LEVEL if share <= FALSE_SIGNALS else HINT_LEVEL if chance <= self.hint_below else ""
            for share, chance in zip(adjusted, found, strict=True)
        ]
        order = np.argsort(found, kind="stable")
        return [(levels[place], self.findings[place]) for place in order if levels[place]]


def since_training(series: Sequence[Series]) -> tuple[dict[int, Charted], Watched]:
    """Chart what was measured since training.

    Returns:
        The charts by the place of the series, and one finding for each.
    """
    long = [place for place, one in enumerate(series) if len(one.residuals) >= FEWEST and len(one.new_residuals)]
    if not long:
        return {}, Watched(SINCE, [])
    tails = _tails(series)
    charted = {
        place: chart(
            series[place].residuals,
            series[place].new_residuals,
            tails[series[place].key[0], series[place].key[2]],
            held=series[place].number_held,
        )
        for place in long
    }
    parts = chances(list(charted.values()))
    together = combine(parts[:, DECISIVE])
    findings = [
        _since_training(series[place], charted[place], parts[row], float(together[row]))
        for row, place in enumerate(long)
    ]
    return charted, Watched(SINCE, findings)


def in_training(series: Sequence[Series]) -> tuple[dict[int, history.Excursions], Watched]:
    """Look for changes while the batches of training were made. Returns as `since_training`."""
    import numpy as np

    found = {
        place: history.excursions(one.residuals) for place, one in enumerate(series) if len(one.residuals) >= FEWEST
    }
    if not found:
        return {}, Watched(BEFORE, [])
    parts = np.stack([history.chances(pair) for pair in found.values()])
    together = combine(parts)
    findings = []
    for row, (place, pair) in enumerate(found.items()):
        one, strongest = series[place], pair[int(parts[row].argmin())]
        after, until = one.residuals[strongest.since :], one.residuals[: strongest.since]
        if strongest.name == history.LEVEL:
            change = _amount(float(after.mean() - until.mean()), one.unit)
            text = f"measured {change} against predicted than before, from this batch of training on"
        else:
            ratio = float(after.std() / until.std()) if until.std() > 0 else float("inf")
            text = f"residuals spread {ratio:.2g} times as far as before, from this batch of training on"
        findings.append(
            Finding(
                *(BEFORE, *one.key, strongest.name, str(one.batch_ids[strongest.since]), len(one.residuals)),
                statistic=strongest.statistic,
                limit=history.LIMIT,
                chance=float(together[row]),
                text=text,
            )
        )
    return found, Watched(BEFORE, findings)


def _tails(series: Sequence[Series]) -> dict[tuple[str, str], Tails]:
    """The tails of each target's residuals at each location, over its products."""
    pooled: dict[tuple[str, str], list[NDArray[np.float64]]] = {}
    for one in series:
        pooled.setdefault((one.key[0], one.key[2]), []).append(one.residuals)
    return {key: Tails.of(parts) for key, parts in pooled.items()}


def _since_training(one: Series, charted: Charted, parts: NDArray[np.float64], together: float) -> Finding:
    strongest = NAMES[min(DECISIVE, key=lambda place: parts[place])]
    limits = limits_of(charted.batches, charted.before)
    place = NAMES.index(strongest)
    start, statistic, limit = 0, charted.level, _NORMAL_95
    if place < len(charted.charts):
        part = charted.charts[place]
        at = part.strongest
        start, statistic, limit = int(part.since[at]), float(part.statistic[at]), limits[place]
    elif strongest != LEVEL:
        statistic, limit = float(charted.held or 0), charted.batches * 0.9
    after = one.new_residuals[start:]
    change = _amount(float(after.mean()), one.unit)
    texts = {
        SINGLE: f"this batch measured {_amount(float(one.new_residuals[start]), one.unit)} than predicted",
        "spread": f"residuals spread further than in training, in {len(after)} batches since",
        "coverage": f"{charted.held} of {charted.batches} measured values lie in the interval of their prediction",
    }
    return Finding(
        *(SINCE, *one.key, strongest, str(one.new_ids[start]), charted.batches),
        statistic=statistic,
        limit=limit,
        chance=together,
        text=texts.get(strongest, f"measured {change} than predicted on average, in {len(after)} batches since"),
    )


_NORMAL_95 = 1.959963984540054


def _amount(value: float, unit: str) -> str:
    return f"{abs(value):.3g}{' ' if unit else ''}{unit} {'more' if value > 0 else 'less'}"

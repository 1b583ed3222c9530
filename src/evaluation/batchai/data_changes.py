"""What has changed between the data of the champion and that of today, as far as the two models tell.

The champion's artefact holds what was measured for each batch that it knew. Where all of today's values of these
batches follow from the old ones by a factor and a shift, the target's unit has changed, and the champion's predictions
are brought into the new one. Where they differ otherwise, corrected or damaged, each model is judged by the share of
the mean's error that it takes away from the values that it knew: so neither the one nor the other decides by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.common.errors import some_of
from src.evaluation.comparison import Key
from src.training.batchai.model import LocationModel
from src.training.batchai.out_of_fold import OutOfFold

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ROUNDING = 1e-9
"""Measured values that differ by less than this share of the largest are equal."""
FEWEST = 3
"""Two batches always lie on a line: a unit is only taken as changed where more of them agree."""


@dataclass(frozen=True)
class Common:
    """How the values of the batches that both models were trained on have changed.

    Attributes:
        factor: By which the champion's values have to be multiplied to be in today's unit.
        shift: What has to be added then.
        changed: How many batches have other values, the unit aside.
    """

    factor: float = 1.0
    shift: float = 0.0
    changed: int = 0

    @property
    def is_converted(self) -> bool:
        """Whether the unit has changed."""
        return (self.factor, self.shift) != (1.0, 0.0)


def compare_values(champion: OutOfFold, challenger: OutOfFold) -> Common:
    """Compare what was measured in the batches that both know, with the same number of rows."""
    import numpy as np

    theirs, ours = _rows_by_batch(champion.batch_ids), _rows_by_batch(challenger.batch_ids)
    both = [batch for batch, rows in theirs.items() if len(ours.get(batch, ())) == len(rows)]
    old = champion.measured[np.array([row for batch in both for row in theirs[batch]], dtype=np.int64)]
    new = challenger.measured[np.array([row for batch in both for row in ours[batch]], dtype=np.int64)]
    differs = _differs(old, new)
    if not differs.any():
        return Common()
    factor, shift = _conversion(old, new)
    if len(both) >= FEWEST and factor and not _differs(factor * old + shift, new).any():
        return Common(factor, shift)
    batches = np.array([batch for batch in both for _ in theirs[batch]], dtype=object)
    return Common(changed=len(set(batches[differs].tolist())))


def _rows_by_batch(batch_ids: NDArray[np.object_]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for row, batch in enumerate(batch_ids.tolist()):
        found.setdefault(batch, []).append(row)
    return found


def _differs(old: NDArray[np.float64], new: NDArray[np.float64]) -> NDArray[np.bool_]:
    import numpy as np

    with np.errstate(over="ignore", invalid="ignore"):
        differs: NDArray[np.bool_] = ~(np.abs(new - old) <= ROUNDING * np.abs(new).max(initial=0.0))
    return differs


def _conversion(old: NDArray[np.float64], new: NDArray[np.float64]) -> tuple[float, float]:
    """The line through the lowest and the highest value: a factor alone where that fits as well, as units mostly do."""
    import numpy as np

    low, high = int(np.argmin(old)), int(np.argmax(old))
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        largest = int(np.argmax(np.abs(old)))
        ratio = float(new[largest] / old[largest]) if old[largest] else 0.0
        if ratio and np.isfinite(ratio) and not _differs(ratio * old, new).any():
            return ratio, 0.0
        slope = float((new[high] - new[low]) / (old[high] - old[low])) if old[high] > old[low] else 0.0
    return (slope, float(new[low] - slope * old[low])) if np.isfinite(slope) else (0.0, 0.0)


def changes_of_location(
    champion: LocationModel, challenger: LocationModel, common: Mapping[Key, Common]
) -> Iterator[str]:
    """Say what differs between what the two models of a location know.

    Args:
        champion: The registered model.
        challenger: The new one.
        common: How their values have changed, by location, product and target.
    """
    yield from _gone_and_new("features", champion.feature_names, challenger.feature_names)
    yield from _moved(champion, challenger)
    yield from _gone_and_new("products", champion.groups, challenger.groups)
    names = ([target.name for target in model.targets] for model in (champion, challenger))
    yield from _gone_and_new("targets", *names)
    units = {target.name: target.unit for target in champion.targets}
    for target in challenger.targets:
        if units.get(target.name, target.unit) != target.unit:
            yield f"the unit of {target.name} was {units[target.name] or 'none'} and is {target.unit or 'none'}"
        of_target = {
            key[1]: part for key, part in common.items() if (key[0], key[2]) == (champion.location, target.name)
        }
        yield from _changed_values(target.name, of_target)


def _moved(champion: LocationModel, challenger: LocationModel) -> Iterator[str]:
    """Features whose values lie beside all earlier ones: another unit, another sensor, another process."""
    products: dict[str, list[str]] = {}
    for product in sorted(set(champion.groups) & set(challenger.groups)):
        before, after = (next(iter(model.groups[product].targets.values()), None) for model in (champion, challenger))
        if before is None or after is None:
            continue
        earlier = dict(zip(champion.feature_names, zip(before.minimum, before.maximum, strict=True), strict=True))
        for name, low, high in zip(challenger.feature_names, after.minimum, after.maximum, strict=True):
            if name in earlier and (low > earlier[name][1] or high < earlier[name][0]):
                products.setdefault(name, []).append(product)
    for name, found in products.items():
        yield f"no value of {name} lies where the earlier ones did, in {some_of(found)}"


def _gone_and_new(what: str, before: Iterable[str], after: Iterable[str]) -> Iterator[str]:
    before, after = list(before), list(after)
    gone, new = ([name for name in one if name not in set(other)] for one, other in ((before, after), (after, before)))
    if gone:
        yield f"{what} gone: {some_of(gone)}"
    if new:
        yield f"{what} new: {some_of(new)}"


def _changed_values(target: str, common: Mapping[str, Common]) -> Iterator[str]:
    by_unit: dict[tuple[float, float], list[str]] = {}
    for product, part in common.items():
        if part.is_converted:
            by_unit.setdefault((float(f"{part.factor:.6g}"), float(f"{part.shift:.6g}")), []).append(product)
    for (factor, shift), products in by_unit.items():
        line = f"{factor:g} × the earlier ones" + (f" {shift:+g}" if shift else "")
        yield f"the values of {target} are {line} in {some_of(products)}; the registered model's are converted"
    changed = {product: part.changed for product, part in common.items() if part.changed}
    if changed:
        yield (
            f"{sum(changed.values())} batches have other values of {target} in {some_of(changed)};"
            " each model is judged by those that it knew"
        )

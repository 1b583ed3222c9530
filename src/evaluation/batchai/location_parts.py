"""The data of a location for a comparison: whole, or, where it is large, read part by part as training does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar, final

from src.data_preparation.batchai.prepared_data import PreparedFolder, PreparedGroup, PreparedLocation
from src.training.batchai.fitted_model import location_model
from src.training.batchai.location_fit import TrainingOptions, fit_location, location_splits, sum_location
from src.training.batchai.model import LocationModel
from src.training.batchai.units.work_units import WorkUnit, pool_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Keep = Callable[[PreparedGroup], "NDArray[np.bool_]"]
"""Which rows of a group stay: shape (rows,)."""


@final
@dataclass(frozen=True)
class LocationParts:
    """A location that is read part by part.

    Attributes:
        folder: The prepared data.
        units: The parts, as training has them.
        keep: Which rows stay; None for all.
        held: The location, where it is one part: then it is read once.
    """

    folder: PreparedFolder
    units: Sequence[WorkUnit]
    keep: Keep | None = None
    held: PreparedLocation | None = None

    @classmethod
    def of(cls, folder: PreparedFolder, units: Sequence[WorkUnit]) -> LocationParts:
        """All rows of a location."""
        return cls(folder, units, held=folder.read(units[0].location) if units[0].is_whole else None)

    @property
    def location(self) -> str:
        """The location."""
        return self.units[0].location

    def parts(self) -> Iterator[PreparedLocation]:
        """Read the parts, one after the other."""
        for unit in self.units:
            part = self.held or self.folder.read(unit.location, product_ids=unit.products)
            yield part if self.keep is None else cut(part, self.keep)


Data = TypeVar("Data", PreparedLocation, LocationParts)


def parts_of(data: PreparedLocation | LocationParts) -> Iterator[PreparedLocation]:
    """The parts of a location; one that is there as a whole is one."""
    if isinstance(data, PreparedLocation):
        yield data
    else:
        yield from data.parts()


def cut(data: Data, keep: Keep) -> Data:
    """A location with some of its rows."""
    if isinstance(data, PreparedLocation):
        return replace(data, groups=tuple(group.take(keep(group)) for group in data.groups))
    return replace(data, keep=keep)


def refit(data: LocationParts, options: TrainingOptions) -> LocationModel:
    """Train a location as training does: in two passes over its parts, where there are several."""
    if len(data.units) == 1:
        (whole,) = data.parts()
        return location_model(whole, fit_location(whole, options))
    groups = (group for part in data.parts() for group in part.groups)
    shared = location_splits(groups, data.location, options)
    pool = pool_of(
        [
            sum_location(part, options, shared=shared, chunks=unit.chunks)
            for unit, part in zip(data.units, data.parts(), strict=True)
        ],
        shared.sharing,
    )
    models = [location_model(part, fit_location(part, options, pool=pool, shared=shared)) for part in data.parts()]
    return replace(models[0], groups={name: group for model in models for name, group in model.groups.items()})

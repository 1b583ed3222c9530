"""The units of work of training: a location, or a part of a large one.

Products of a location need each other's sums (see `borrowing`). So a location that is parted is trained in two passes:
what each part tells the others, and then the fits of each part. Both passes read a part's data, on any machine, and
nothing large has to be sent. How a location is parted depends on the prepared data alone, and so do the results.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

from src.common.errors import DataError, IntegrityError
from src.common.json_text import from_json, to_json
from src.common.memory import require_memory
from src.common.paths import encode_key, group_name
from src.data_preparation.batchai.prepared_data import DATA, PENDING, TARGET, PreparedFolder, PreparedLocation
from src.settings.batchai.batchai_settings import Terms
from src.training.batchai.location_fit import TrainingOptions, chunks_of, fit_location, location_splits, sum_location
from src.training.batchai.ridge.borrowing import LocationPool, PooledSums
from src.training.batchai.ridge.folds import Splits
from src.training.batchai.units.unit_results import UnitResults, unit_results

UNIT_BYTES = 128_000_000
"""A location whose prepared files are larger than this is parted."""
MEMORY_PER_BYTE = 6
"""The memory in which a unit is trained, per byte of its prepared files; measured as in `benchmarks/from_files.py`."""


@dataclass(frozen=True)
class WorkUnit:
    """A part of a location that is trained at once.

    Attributes:
        location: The location.
        number: Which of its parts, from 1.
        of: How many parts there are.
        chunks: The products of this part, sorted, in the chunks in which they are summed.
        shared: Of a part, the folds of keys that several products of the location have.
        cuts: Of a part, where the location's parts of time begin.
        sharing: Of a part, how many products of the location have a key on the average.
        product_id: Fit this product only; None for all. The others tell it what they know.
        folds: Folds of the cross-validation.
        min_batches: A target with fewer measured batches is not trained.
        terms: What models may consist of.
        data_version: The version of the prepared data.
        plan: What names how the location was parted.
    """

    location: str
    number: int
    of: int
    chunks: tuple[tuple[str, ...], ...]
    shared: tuple[tuple[str, int], ...]
    cuts: tuple[float, ...]
    sharing: float
    product_id: str | None
    folds: int
    min_batches: int
    terms: str
    data_version: str
    plan: str

    @property
    def products(self) -> tuple[str, ...]:
        """The products of this part, sorted."""
        return tuple(product for chunk in self.chunks for product in chunk)

    @property
    def splits(self) -> Splits:
        """How the batches of its location are split."""
        return Splits(dict(self.shared), self.cuts, self.sharing)

    @property
    def file_name(self) -> str:
        """What its file is called, in each folder that has one per unit."""
        return f"{encode_key(self.location)}-{self.number}.json"

    @property
    def is_whole(self) -> bool:
        """Whether it is a whole location."""
        return self.of == 1

    @property
    def is_fitted(self) -> bool:
        """Whether anything of it is fitted, or it only tells the others what it knows."""
        return self.product_id is None or self.product_id in self.products

    def options(self, *, threads: int) -> TrainingOptions:
        """How to train it; all passes over a location have to train alike."""
        return TrainingOptions.of(
            folds=self.folds, min_batches=self.min_batches, threads=threads, terms=Terms(self.terms)
        )

    def parts(self) -> tuple[WorkUnit, ...]:
        """All parts of its location, in their order, without their products and keys."""
        return tuple(replace(self, number=number, chunks=(), shared=(), cuts=()) for number in range(1, self.of + 1))

    def to_json(self) -> str:
        """The unit as a text."""
        return to_json(asdict(self)) + "\n"

    @classmethod
    def from_json(cls, text: str, *, where: object) -> WorkUnit:
        """Read what `to_json` wrote.

        Raises:
            IntegrityError: It is no such text.
        """
        try:
            document = from_json(text)
            chunks, shared = (tuple(tuple(part) for part in document[name]) for name in ("chunks", "shared"))
            return cls(**{**document, "chunks": chunks, "shared": shared, "cuts": tuple(document["cuts"])})
        except (ValueError, TypeError, KeyError) as error:
            raise IntegrityError(
                "this is no unit of work", where=where, found=error, expected="what batchai_training_plan.py wrote"
            ) from error


def plan_units(
    folder: PreparedFolder,
    locations: Sequence[str],
    options: TrainingOptions,
    *,
    product_id: str | None = None,
    unit_bytes: int | None = None,
) -> list[WorkUnit]:
    """Part the work of training.

    Args:
        folder: The prepared data.
        locations: Which locations.
        options: How to train.
        product_id: Fit this product only; None for all.
        unit_bytes: How large the files of a unit may be (`UNIT_BYTES`); a chunk of products is never parted.

    Returns:
        The units, those of a location one after the other.
    """
    limit = UNIT_BYTES if unit_bytes is None else unit_bytes
    units = []
    for location in locations:
        parts = _parts(folder, location, limit)
        shared = Splits()
        if len(parts) > 1:
            groups = (
                group
                for part in parts
                for group in _read_products(folder, location, [product for chunk in part for product in chunk]).groups
            )
            shared = location_splits(groups, location, options)
        units += [
            WorkUnit(
                location=location,
                number=number,
                of=len(parts),
                chunks=tuple(tuple(chunk) for chunk in chunks),
                shared=tuple(shared.folds.items()),
                cuts=shared.cuts,
                sharing=shared.sharing,
                product_id=product_id,
                folds=options.folds,
                min_batches=options.min_batches,
                terms=options.terms.value,
                data_version=folder.manifest.version,
                plan=hashlib.sha256(to_json(parts, indent=None).encode()).hexdigest()[:12],
            )
            for number, chunks in enumerate(parts, start=1)
        ]
    return units


def _parts(folder: PreparedFolder, location: str, limit: int) -> list[list[list[str]]]:
    """The parts of a location, each some chunks of products, with files of no more bytes than a limit."""
    parts: list[list[list[str]]] = [[]]
    left = limit
    for chunk in chunks_of(folder.products(location)):
        size = _bytes_of(folder, location, chunk)
        if parts[-1] and size > left:
            parts.append([])
            left = limit
        parts[-1].append(chunk)
        left -= size
    return parts


def _bytes_of(folder: PreparedFolder, location: str, products: Sequence[str]) -> int:
    """How large the prepared files of products are."""
    names = (f"{group_name(location, product)}/{file}" for product in products for file in (DATA, TARGET, PENDING))
    return sum(folder.manifest.files[name].bytes for name in names if name in folder.manifest.files)


def require_memory_for(folder: PreparedFolder, location: str, products: Sequence[str]) -> None:
    """Refuse to read products that can't be trained at once in the memory that is left.

    Raises:
        DataError: There is not enough.
    """
    size = _bytes_of(folder, location, products)
    require_memory(
        MEMORY_PER_BYTE * size,
        what=f"training {len(products)} products at once, {size / 1e6:.0f} MB of prepared data,",
        where=f"{folder.root}, location {location}",
        hint="use a machine with more memory, or leave out features and old batches; products are never parted",
    )


def sum_unit(folder: PreparedFolder, unit: WorkUnit, *, threads: int) -> list[list[PooledSums]]:
    """The first pass over a part of a location: what its products tell those of the other parts, chunk by chunk.

    Raises:
        DataError: The prepared data is not what was planned with.
    """
    prepared = _read(folder, unit)
    return sum_location(prepared, unit.options(threads=threads), shared=unit.splits, chunks=unit.chunks)


def pool_of(parts: Sequence[Sequence[Sequence[PooledSums]]], sharing: float) -> LocationPool:
    """What all parts of a location say, from the sums of each in their order.

    Args:
        parts: The sums of each part.
        sharing: How many products have a key on the average.
    """
    return LocationPool.of([chunk for part in parts for chunk in part], sharing=sharing)


def train_unit(
    folder: PreparedFolder,
    unit: WorkUnit,
    pool: LocationPool | None = None,
    *,
    threads: int,
    done: Callable[[int], None] = lambda _: None,
) -> UnitResults:
    """Train a unit; the second pass over it, where it is a part of a location.

    Args:
        folder: The prepared data.
        unit: What to train.
        pool: What all parts of the location say; None for a whole location.
        threads: Threads that train at the same time; 0 for one per core.
        done: Called with numbers of problems that are done; they add up to about the number of groups.

    Raises:
        DataError: The prepared data is not what was planned with.
    """
    prepared = _read(folder, unit)
    options = unit.options(threads=threads)
    shared = unit.splits if pool else None
    fits = fit_location(prepared, options, product_id=unit.product_id, pool=pool, shared=shared, done=done)
    return unit_results(prepared, fits, threads=options.threads)


def check_data(folder: PreparedFolder, unit: WorkUnit) -> None:
    """Check that a unit was planned with this data.

    Raises:
        DataError: It was not.
    """
    if folder.manifest.version != unit.data_version:
        raise DataError(
            "the prepared data is another than what the work was planned with",
            where=folder.root,
            found=f"version {folder.manifest.version}",
            expected=f"version {unit.data_version}",
            hint="let all machines see the same folder, such as a mounted share, and plan again",
        )


def _read(folder: PreparedFolder, unit: WorkUnit) -> PreparedLocation:
    check_data(folder, unit)
    return _read_products(folder, unit.location, unit.products)


def _read_products(folder: PreparedFolder, location: str, products: Sequence[str]) -> PreparedLocation:
    require_memory_for(folder, location, products)
    return folder.read(location, product_ids=products)

"""Prepared data: what data preparation writes, and training and inference read.

``DataPrep_outputs/location=<l>/product_id=<p>/`` holds ``data.csv`` (``batch_id``, then the features), ``target.csv``
(``batch_id``, then the targets; the same rows in the same order, oldest first) and ``pending.csv`` (like ``data.csv``,
for batches of which nothing is measured yet). All groups of a location have the same columns. Where the description
says `cross_validate_by`, ``keys.csv`` (``batch_id``, ``key``; the rows of ``data.csv``) says which rows are held out
together; where it says `order_by`, ``time.csv`` (``batch_id``, ``time``) tells older from newer across the products.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src.common.committed_folder import StagedFolder, read_manifest
from src.common.csv_columns import format_columns
from src.common.errors import DataError, IntegrityError, did_you_mean, some_of
from src.common.manifest import Manifest
from src.common.paths import group_name
from src.data_preparation.batchai.adjustable_description import Recipe
from src.data_preparation.batchai.group_tables import (
    FeatureRows,
    format_header,
    format_rows,
    parse_rows,
    parse_texts,
)
from src.data_preparation.batchai.target_description import LINEAR

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

KIND = "prepared data"
MADE_BY = "python src/data_preparation/batchai/batchai_datapreparation.py"
CHUNK_BYTES = 64_000_000
DATA, TARGET, PENDING, KEYS, TIME = "data.csv", "target.csv", "pending.csv", "keys.csv", "time.csv"


@dataclass(frozen=True)
class PreparedTarget:
    """A measured quality.

    Attributes:
        name: Its name.
        unit: Its unit, in which all its values are.
        specification: Its limits; None: open.
        scale: How it is fitted, one of `SCALES`.
    """

    name: str
    unit: str = ""
    specification: tuple[float | None, float | None] = (None, None)
    scale: str = LINEAR

    def facts(self) -> dict[str, Any]:
        """The target as JSON values, for a manifest or a model."""
        scale = {"scale": self.scale} if self.scale != LINEAR else {}
        return {"name": self.name, "unit": self.unit, "specification": list(self.specification), **scale}

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> PreparedTarget:
        """Read what `facts` gave."""
        lower, upper = facts["specification"]
        return cls(facts["name"], facts["unit"], (lower, upper), facts.get("scale", LINEAR))


@dataclass(frozen=True)
class PreparedGroup:
    """The batches of one product at one location, oldest first.

    Attributes:
        product_id: The product.
        batch_ids: Shape (rows,), of `str`; a batch may have several rows.
        features: Shape (rows, features), NaN where not measured.
        targets: Shape (rows, targets), NaN where not measured; each row has at least one.
        pending: Rows of which no target is measured yet.
        keys: Shape (rows,), of `str`: rows of one key, in any product of the location, are held out together; None
            where the description names no such key.
    """

    product_id: str
    batch_ids: NDArray[np.object_]
    features: NDArray[np.float64]
    targets: NDArray[np.float64]
    pending: FeatureRows
    keys: NDArray[np.object_] | None = None
    times: NDArray[np.float64] | None = None

    @property
    def kept_together(self) -> NDArray[np.object_]:
        """What cross-validation never parts: the keys, else the batches. Shape (rows,)."""
        return self.batch_ids if self.keys is None else self.keys

    def take(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> PreparedGroup:
        """The group with some of its measured rows; those that are pending stay."""
        return replace(
            self,
            batch_ids=self.batch_ids[rows],
            features=self.features[rows],
            targets=self.targets[rows],
            keys=None if self.keys is None else self.keys[rows],
            times=None if self.times is None else self.times[rows],
        )


@dataclass(frozen=True)
class PreparedLocation:
    """All groups of a location; they have the same features and targets, and the same can be changed in them.

    `derived` holds the expression of each feature that is derived, by name; `terms` says what models may consist of;
    empty where the location's description doesn't say.
    """

    location: str
    feature_names: tuple[str, ...]
    targets: tuple[PreparedTarget, ...]
    groups: tuple[PreparedGroup, ...]
    recipe: Recipe = field(default_factory=Recipe)
    derived: Mapping[str, str] = field(default_factory=dict)
    terms: str = ""


@dataclass(frozen=True)
class PreparedFolder:
    """A committed ``DataPrep_outputs`` and what its manifest says.

    Attributes:
        root: The folder.
        manifest: Its manifest; the version of the data is `manifest.version`.
    """

    root: Path
    manifest: Manifest

    @classmethod
    def open(cls, root: Path) -> PreparedFolder:
        """Open a folder of prepared data.

        Raises:
            DataError: Nothing was prepared here.
            IntegrityError: The manifest is corrupted.
        """
        return cls(root, read_manifest(root, kind=KIND, made_by=MADE_BY))

    @property
    def locations(self) -> tuple[str, ...]:
        """The locations, sorted."""
        return tuple(sorted(self.manifest.facts["locations"]))

    def features(self, location: str) -> tuple[str, ...]:
        """The features of a location. Raises DataError: there is no such location."""
        return tuple(self._facts(location)["features"])

    def products(self, location: str) -> tuple[str, ...]:
        """The products of a location that have prepared rows, sorted."""
        return tuple(sorted(self._facts(location)["groups"]))

    def select(self, location: str | None, product_id: str | None) -> list[PreparedLocation]:
        """Read one location or all (None), one product or all (None). Raises what `find` and `read` raise."""
        products = None if product_id is None else [product_id]
        return [self.read(name, product_ids=products) for name in self.find(location, product_id)]

    def find(self, location: str | None, product_id: str | None) -> list[str]:
        """Find the locations that a choice means.

        Args:
            location: The location; None for all.
            product_id: A product that they make; None for any.

        Raises:
            DataError: There is no such location or product.
        """
        locations = list(self.locations) if location is None else [location]
        makers = [name for name in locations if product_id is None or product_id in self.products(name)]
        if product_id is not None and not makers:
            known = sorted({product for name in locations for product in self.products(name)})
            raise self._unknown_product(product_id, known)
        return makers

    def read(self, location: str, *, product_ids: Sequence[str] | None = None) -> PreparedLocation:
        """Read a location, or some of its products.

        Raises:
            DataError: There is no such location or product, or ``target.csv`` has other batches than ``data.csv``.
            IntegrityError: A file is missing or was changed.
        """
        facts = self._facts(location)
        chosen = self._chosen(location, product_ids)
        feature_names = tuple(facts["features"])
        targets = tuple(map(PreparedTarget.from_facts, facts["targets"]))
        target_names = [target.name for target in targets]
        changed: list[str] = []
        data = self._read_tables(location, chosen, DATA, feature_names, changed)
        measured = self._read_tables(location, chosen, TARGET, target_names, changed)
        pending = self._read_tables(location, chosen, PENDING, feature_names, changed)
        clocks = self._read_tables(location, chosen, TIME, ["time"], changed)
        groups = []
        for product, features, values, waiting, clock in zip(chosen, data, measured, pending, clocks, strict=True):
            self._check_same_batches(location, product, features.batch_ids, values.batch_ids, TARGET)
            keys = self._read_keys(location, product, features.batch_ids, changed)
            times = None
            if f"{group_name(location, product)}/{TIME}" in self.manifest.files:
                self._check_same_batches(location, product, features.batch_ids, clock.batch_ids, TIME)
                times = clock.features[:, 0]
            groups.append(
                PreparedGroup(product, features.batch_ids, features.features, values.features, waiting, keys, times)
            )
        if changed:
            raise self._changed(changed)
        recipe = Recipe.from_facts(facts.get("recipe"))
        return PreparedLocation(
            location, feature_names, targets, tuple(groups), recipe, facts.get("derived", {}), facts.get("terms", "")
        )

    def _facts(self, location: str) -> Mapping[str, Any]:
        locations: Mapping[str, Any] = self.manifest.facts["locations"]
        if location not in locations:
            raise DataError(
                f"unknown location {location!r}{did_you_mean(location, locations)}",
                where=self.root,
                found=some_of(sorted(locations), most=12),
                hint=f"name one of these, or prepare it first: {MADE_BY}",
            )
        facts: Mapping[str, Any] = locations[location]
        return facts

    def _chosen(self, location: str, product_ids: Sequence[str] | None) -> tuple[str, ...]:
        products = self.products(location)
        for product in product_ids or ():
            if product not in products:
                raise self._unknown_product(product, products)
        return products if product_ids is None else tuple(sorted(set(product_ids)))

    def _unknown_product(self, product_id: str, known: Sequence[str]) -> DataError:
        return DataError(
            f"unknown product_id {product_id!r}{did_you_mean(product_id, known)}",
            where=self.root,
            found=some_of(known, most=12),
            hint="name one of these; ids are text, so 7 and 007 are two products",
        )

    def _read_tables(
        self, location: str, products: Sequence[str], file: str, columns: Sequence[str], changed: list[str]
    ) -> list[FeatureRows]:
        """Read one file of every product. A product without the file has no rows of it.

        Many small files are parsed at once, but no more than `CHUNK_BYTES`: a location may be larger than the memory.
        """
        header = format_header(columns)
        hint = f"prepare it again: {MADE_BY}"
        tables: list[FeatureRows] = []
        waiting: list[bytes] = []
        size = 0
        for product in products:
            name = f"{group_name(location, product)}/{file}"
            waiting.append(self._body(name, header, changed) if name in self.manifest.files else b"")
            size += len(waiting[-1])
            if size > CHUNK_BYTES:
                tables += parse_rows(waiting, len(columns), where=self.root, hint=hint)
                waiting, size = [], 0
        return tables + parse_rows(waiting, len(columns), where=self.root, hint=hint)

    def _read_keys(
        self, location: str, product: str, batch_ids: NDArray[np.object_], changed: list[str]
    ) -> NDArray[np.object_] | None:
        name = f"{group_name(location, product)}/{KEYS}"
        if name not in self.manifest.files:
            return None
        body = self._body(name, format_header(["key"]), changed)
        found, keys = parse_texts(body, where=self.root / name, hint=f"prepare it again: {MADE_BY}")
        self._check_same_batches(location, product, batch_ids, found, KEYS)
        return keys

    def _body(self, name: str, header: bytes, changed: list[str]) -> bytes:
        """The rows of a file as bytes; a file that is not what was written is noted in `changed`."""
        path = self.root / name
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            content = b""
        if hashlib.sha256(content).hexdigest() != self.manifest.files[name].sha256:
            changed.append(name)
        if not content.startswith(header):
            raise self._changed([name])
        body = content[len(header) :]
        return body if body.endswith(b"\n") or not body else body + b"\n"

    def _changed(self, names: Sequence[str]) -> IntegrityError:
        return IntegrityError(
            "prepared data is missing or was changed",
            where=self.root,
            found=some_of(names),
            expected="the files as they were written (their SHA-256 stands in manifest.json)",
            hint=f"prepare it again: {MADE_BY}",
        )

    def _check_same_batches(
        self, location: str, product: str, data: NDArray[np.object_], other: NDArray[np.object_], file: str
    ) -> None:
        import numpy as np

        if len(data) == len(other) and bool(np.all(data == other)):
            return
        only_data, only_other = (sorted(set(a) - set(b)) for a, b in ((data, other), (other, data)))
        raise DataError(
            f"{file} has other batches than {DATA}",
            where=self.root / group_name(location, product),
            found=f"only in {DATA}: {some_of(only_data) or 'none'}; only in {file}: {some_of(only_other) or 'none'}",
            expected="the same batches in the same order in both files",
            hint=f"prepare it again: {MADE_BY}",
        )


def write_location(staged: StagedFolder, prepared: PreparedLocation) -> None:
    """Write the groups of a location and note it in the facts of the manifest.

    Args:
        staged: The folder that is being written.
        prepared: The location. Its batch ids must hold no line breaks.
    """
    import numpy as np

    groups = prepared.groups
    features = prepared.feature_names
    target_names = [target.name for target in prepared.targets]
    tables = {
        DATA: (features, [FeatureRows(group.batch_ids, group.features) for group in groups]),
        TARGET: (target_names, [FeatureRows(group.batch_ids, group.targets) for group in groups]),
        PENDING: (features, [group.pending for group in groups]),
    }
    for file, (columns, parts) in tables.items():
        header = format_header(columns)
        ids = np.concatenate([part.batch_ids for part in parts])
        values = np.concatenate([part.features for part in parts])
        bodies = format_rows(ids, values, [len(part.batch_ids) for part in parts])
        for group, body in zip(groups, bodies, strict=True):
            if file != PENDING or body:
                staged.write(f"{group_name(prepared.location, group.product_id)}/{file}", header + body)
    for group in groups:
        if group.keys is not None:
            keys = format_header(["key"]) + format_columns([group.batch_ids, group.keys])
            staged.write(f"{group_name(prepared.location, group.product_id)}/{KEYS}", keys)
        if group.times is not None:
            times = format_header(["time"]) + format_columns([group.batch_ids, group.times])
            staged.write(f"{group_name(prepared.location, group.product_id)}/{TIME}", times)
    staged.facts.setdefault("locations", {})[prepared.location] = {
        "features": list(features),
        "targets": [target.facts() for target in prepared.targets],
        "groups": sorted(group.product_id for group in groups),
        **({"recipe": prepared.recipe.facts()} if prepared.recipe else {}),
        **({"derived": dict(prepared.derived)} if prepared.derived else {}),
        **({"terms": prepared.terms} if prepared.terms else {}),
    }

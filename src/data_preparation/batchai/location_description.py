"""What a plant's export looks like: ``location.yml``, read and checked.

docs/location-yml.md explains every key with an example. Keys that nobody knows are refused with the nearest known
one, and all problems of a file are reported together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from src.common.errors import DataError, SettingsError, did_you_mean, some_of
from src.common.paths import original_name, safe_relative_path
from src.data_preparation.batchai.adjustable_description import Adjustable, read_adjustable
from src.data_preparation.batchai.category_description import CategoryDescription, read_categories
from src.data_preparation.batchai.expressions import Expression, parse_expression
from src.data_preparation.batchai.number_cells import CENSORING
from src.data_preparation.batchai.order_description import OrderDescription, read_order
from src.data_preparation.batchai.regime_description import Regime, read_regimes
from src.data_preparation.batchai.table_description import TableDescription, read_table_description
from src.data_preparation.batchai.target_description import Target, read_target
from src.data_preparation.batchai.yaml_section import Section
from src.settings.batchai.batchai_settings import Terms

DESCRIPTION_NAME = "location.yml"
ONE_PRODUCT = "(product)"
"""The column of products where the export has none, since there is one product."""
RESERVED_NAMES = frozenset({"batch_id", "location", "product_id", "key", "(intercept)", "(mean)", "(limit)"})
"""What columns and rows of the results are called that are neither features nor targets."""
DESCRIPTIONS_FOLDER = Path(__file__).parent / "locations"


@dataclass(frozen=True)
class Normalisation:
    """Columns that compare between products only when divided by another column, such as the batch size."""

    columns: tuple[str, ...]
    by: str


@dataclass(frozen=True)
class LocationDescription:
    """A plant's export. See docs/location-yml.md for the meaning of each part.

    `batch_id` and `product_id` name columns of the joined export; those that are made of others, or hold one product
    throughout, stand in `id_parts` and `product`. `location_column` names the column of an export that holds several
    locations; `location` is then one of them, or the name of the folder for all.
    """

    location: str
    tables: tuple[TableDescription, ...]
    batch_id: str
    product_id: str
    targets: tuple[Target, ...]
    features: tuple[str, ...]
    title: str = ""
    source: str = ""
    licence: str = ""
    id_parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    product: str = ""
    location_column: str = ""
    shared_batches: bool = False
    repeated_rows: bool = False
    cross_validate_by: tuple[str, ...] = ()
    order_by: OrderDescription | None = None
    never_features: tuple[str, ...] = ()
    values: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    censored: Mapping[str, str] = field(default_factory=dict)
    normalise: tuple[Normalisation, ...] = ()
    derived: Mapping[str, Expression] = field(default_factory=dict)
    categories: tuple[CategoryDescription, ...] = ()
    adjustable: tuple[Adjustable, ...] = ()
    per_volume: tuple[str, ...] = ()
    exclude: Mapping[str, str] = field(default_factory=dict)
    regimes: tuple[Regime, ...] = ()
    max_missing: float = 0.5
    terms: str = ""
    strict: bool = False
    accept_warnings: tuple[str, ...] = ()

    def parts_of(self, id_column: str) -> tuple[str, ...]:
        """The columns of the export that an id is made of."""
        return self.id_parts.get(id_column, (id_column,))

    @property
    def id_columns(self) -> set[str]:
        """All columns that ids are in."""
        ids = {name for key in (self.batch_id, self.product_id) for name in (key, *self.parts_of(key))}
        return ids | {self.location_column}


def find_description(folder: Path) -> Path:
    """Find the description of a location: ``location.yml`` in its folder, else the project's own.

    Args:
        folder: The location's folder in ``DataPrep_inputs``; its name stands for the location.

    Raises:
        DataError: There is none.
    """
    beside = folder / DESCRIPTION_NAME
    if beside.is_file():
        return beside
    own = DESCRIPTIONS_FOLDER / f"{folder.name}.yml"
    if own.is_file():
        return own
    location = original_name(folder.name)
    described = sorted(path.stem for path in DESCRIPTIONS_FOLDER.glob("*.yml"))
    raise DataError(
        f"the location {location!r} has no description{did_you_mean(location, described)}",
        where=folder,
        found=some_of(sorted(original_name(entry.name) for entry in folder.iterdir()), most=12) or "an empty folder",
        expected=f"{DESCRIPTION_NAME} beside the exports",
        hint="write one as docs/location-yml.md shows, or correct the folder's name",
    )


def read_description(path: Path, *, location: str) -> LocationDescription:
    """Read the description of a location.

    Raises:
        SettingsError: It is no YAML, or keys are unknown, missing, twice or wrong; all of them are named.
    """
    document = _read_document(path)
    where = str(path)
    if isinstance(document, dict) and "extends" in document:
        shared = _find_shared(path, document.pop("extends"))
        base = _read_document(shared)
        where = f"{path}, which extends {shared}"
        if not isinstance(base, dict) or "extends" in base:
            raise SettingsError(
                "a description that others extend holds keys, and extends none",
                where=shared,
                hint="write it as docs/location-yml.md explains",
            )
        document = {**base, **document}
    section = Section(document)
    description = describe(section, location)
    if section.problems:
        raise SettingsError(
            "\n".join(section.problems), where=where, hint="correct it as docs/location-yml.md explains"
        )
    return description


def _read_document(path: Path) -> object:
    from src.data_preparation.batchai.yaml_document import read_yaml

    try:
        return read_yaml(path.read_bytes())
    except ValueError as error:
        raise SettingsError("the description is not YAML", where=path, found=error, hint="correct the file") from error


def _find_shared(path: Path, name: object) -> Path:
    """The description that a location extends: beside the locations' folders, or among the project's own."""
    folders = dict.fromkeys([path.parent.parent, DESCRIPTIONS_FOLDER])
    safe = safe_relative_path(name) if isinstance(name, str) and "/" not in name and name.endswith(".yml") else ""
    found = [folder / safe for folder in folders if safe and (folder / safe).is_file()]
    if found:
        return found[0]
    present = [original_name(file.name) for folder in folders for file in folder.glob("*.yml")]
    raise SettingsError(
        f"extends: {str(name)[:60]!r} is no description{did_you_mean(str(name)[:60], present)}",
        where=path,
        found=some_of(sorted(present), most=12) or "no .yml beside the folders of the locations",
        expected="the name of a .yml beside the folders of the locations",
        hint="correct extends, or put the shared description there",
    )


def describe(section: Section, location: str) -> LocationDescription:
    """Read all keys of a description; what is wrong is noted in the section."""
    tables = tuple(
        read_table_description(part, first=number == 0)
        for number, part in enumerate(section.sections("tables", required=True))
    )
    order = section.section("order_by")
    categories = read_categories(section)
    product = section.text("product", default="")
    batch = section.texts("batch_id", required=True)
    product_columns = section.texts("product_id", required=not product)
    description = LocationDescription(
        location=location,
        tables=tables,
        title=section.text("title", default=""),
        source=section.text("source", default=""),
        licence=section.text("licence", default=""),
        batch_id="/".join(batch),
        product_id="/".join(product_columns) or ONE_PRODUCT,
        id_parts={"/".join(parts): parts for parts in (batch, product_columns) if len(parts) > 1},
        product=product,
        location_column=section.text("location", default=""),
        shared_batches=section.flag("shared_batches", default=False),
        repeated_rows=section.flag("repeated_rows", default=False),
        cross_validate_by=section.texts("cross_validate_by"),
        order_by=read_order(order) if order else None,
        categories=categories,
        features=section.texts("features", required=not categories),
        never_features=section.texts("never_features"),
        values=_values(section),
        censored=_censored(section),
        normalise=tuple(_normalisation(part) for part in section.sections("normalise")),
        derived=_derived(section),
        adjustable=read_adjustable(section),
        per_volume=section.texts("per_volume"),
        exclude=section.text_mapping("exclude"),
        regimes=read_regimes(section),
        targets=tuple(read_target(name, part) for name, part in section.named_sections("targets", required=True)),
        max_missing=section.number("max_missing", default=0.5, minimum=0, maximum=1),
        terms=section.choice("terms", [terms.value for terms in Terms], default=""),
        strict=section.flag("strict", default=False),
        accept_warnings=section.texts("accept_warnings"),
    )
    section.finish()
    _check_volumes(section, description)
    _check_names(section, description)
    if product and product_columns:
        section.problem("product", "stands beside product_id; leave one of them out")
    return description


def _check_volumes(section: Section, description: LocationDescription) -> None:
    """What makes a batch larger dilutes its contents, so neither is said without the other."""
    growing = [item.name for item in description.adjustable if item.volume_per_unit]
    if growing and not description.per_volume:
        section.problem("per_volume", f"is missing: which features does more {growing[0]} dilute?")
    if description.per_volume and not growing:
        section.problem("per_volume", "dilutes nothing: nothing in adjustable has a volume_per_unit")


def _check_names(section: Section, description: LocationDescription) -> None:
    """Names that stand for something else in the results can't be names of features or targets."""
    names = {"derived": description.derived, "targets": [target.name for target in description.targets]}
    for key, given in names.items():
        for name in given:
            if name in RESERVED_NAMES or not name:
                section.problem(f"{key}: {name!r}", "can't be a name: results use it, or it is empty; choose another")
    columns = Counter(target.column for target in description.targets)
    for column, count in columns.items():
        if count > 1:
            section.problem("targets", f"name the column {column!r} {count} times")


def _normalisation(part: Section) -> Normalisation:
    normalisation = Normalisation(columns=part.texts("columns", required=True), by=part.text("by"))
    part.finish()
    return normalisation


def _values(section: Section) -> dict[str, Mapping[str, float]]:
    return {column: part.numbers_by_text() for column, part in section.named_sections("values")}


def _censored(section: Section) -> dict[str, str]:
    rules = section.text_mapping("censored")
    for column, rule in rules.items():
        if rule not in CENSORING:
            section.problem(f"censored: {column}", f"is {rule!r}, expected one of {', '.join(CENSORING)}")
    return rules


def _derived(section: Section) -> dict[str, Expression]:
    parsed: dict[str, Expression] = {}
    expressions: Mapping[str, Any] = section.text_mapping("derived")
    for name, text in expressions.items():
        try:
            parsed[name] = parse_expression(text)
        except ValueError as error:
            section.problem(f"derived: {name}", f"is {text!r}: {error}")
    return parsed

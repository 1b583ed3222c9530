"""Which columns of an export the names and patterns of its description mean."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from src.common.errors import SettingsError, did_you_mean, some_of
from src.common.paths import appearance
from src.data_preparation.batchai.location_description import RESERVED_NAMES, LocationDescription
from src.data_preparation.batchai.patterns import as_regex


def feature_columns(description: LocationDescription, columns: tuple[str, ...]) -> list[str]:
    """Choose the columns that the description's names and patterns mean, in the order of the export.

    Ids, keys, times, targets and `never_features` are no features, whatever a pattern says.

    Raises:
        SettingsError: A name or pattern fits no column, or a name is named as a feature and as none.
    """
    categories = {category.column for category in description.categories}
    reserved = {*description.id_columns, *description.cross_validate_by, *categories}
    reserved |= {column for target in description.targets for column in target.results} - inputs_of_targets(description)
    if description.order_by is not None:
        reserved.add(description.order_by.column)
    never = matching_columns(description, "never_features", description.never_features, columns)
    chosen = matching_columns(description, "features", description.features, columns)
    odd = sorted(chosen & RESERVED_NAMES - reserved - never)
    if odd:
        raise SettingsError(
            f"features can't be called {some_of(odd)}: results use the name for something else",
            where=f"features of {description.location}",
            hint="put them under never_features; derived can give them another name, as spot: location",
        )
    both = sorted((set(description.features) & (reserved | never)) - set(description.derived))
    if both:
        raise SettingsError(
            f"columns can't be features: {some_of(both)}",
            where=f"features of {description.location}",
            expected="neither an id, a key, a time, a category, a target, nor one of never_features",
            hint="remove them from features in location.yml",
        )
    computed = {*description.derived, *(target.name for target in description.targets if target.derived)}
    clash = sorted(computed & set(columns))
    if clash:
        raise SettingsError(
            f"what is derived has the name of a column: {some_of(clash)}",
            where=f"derived of {description.location}",
            hint="give them names of their own in location.yml",
        )
    return [name for name in columns if name in chosen and name not in reserved and name not in never]


def inputs_of_targets(description: LocationDescription) -> set[str]:
    """Columns that derived targets read and that `features` names one by one: known before, such as what went in."""
    read = {column for target in description.targets if target.derived for column in target.results}
    measured = {target.column for target in description.targets}
    return (read & set(description.features)) - measured


def matching_columns(
    description: LocationDescription, key: str, patterns: Iterable[str], columns: tuple[str, ...]
) -> set[str]:
    """Find the columns that names and patterns of a description mean.

    Args:
        description: The description.
        key: Its key, for the error.
        patterns: Names, and patterns with ``*`` and ``?``.
        columns: The columns there are.

    Raises:
        SettingsError: A name or pattern fits no column.
    """
    matching: set[str] = set()
    unknown = []
    known = set(columns)
    for pattern in patterns:
        fitting = {pattern} if pattern in known else set(filter(as_regex(pattern).fullmatch, columns))
        if not fitting:
            unknown.append(f"{key}: {pattern!r} fits no column{nearest_column(pattern, columns)}")
        matching |= fitting
    if unknown:
        raise SettingsError(
            "\n".join(unknown),
            where=f"the description of {description.location}",
            found=some_of(columns, most=12),
            hint="correct the name or the pattern in location.yml",
        )
    return matching


def nearest_column(name: str, columns: Collection[str]) -> str:
    """The nearest column, with the codes of its characters where it looks the same."""
    twins = [column for column in columns if appearance(column) == appearance(name)]
    if twins:
        return f", but {twins[0]!a} looks the same as {name!a}"
    return did_you_mean(name, columns)


def censored_columns(description: LocationDescription, columns: tuple[str, ...]) -> dict[str, str]:
    """What a limit becomes, by column.

    Raises:
        SettingsError: A name or pattern fits no column, or two fit one.
    """
    found: dict[str, str] = {}
    for pattern, rule in description.censored.items():
        for name in sorted(matching_columns(description, "censored", [pattern], columns)):
            if found.setdefault(name, rule) != rule:
                raise SettingsError(
                    f"censored: {name!r} fits two patterns with different rules",
                    where=f"the description of {description.location}",
                    hint="correct censored in location.yml",
                )
    return found

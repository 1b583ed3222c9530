"""Texts that differ only in letters of other alphabets which look the same: a Cyrillic А for a Latin A.

Two ids that a person takes for one are two batches or products to a program. Such letters occur in exports of plants
that type with two keyboards. The pairs are those of Unicode's ``confusables.txt`` (Unicode Technical Standard 39) for
the Cyrillic and Greek letters whose capitals or small letters are drawn as Latin ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from src.common.errors import some_of
from src.data_preparation.batchai.joined_export import JoinedExport

_CYRILLIC = "АВЕЅІЈКМНОРСТУХаеіјорсухѕ"
_GREEK = "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧο"
_LETTERS = str.maketrans(
    _CYRILLIC + _GREEK,
    "ABESIJKMHOPCTYXaeijopcyxs" + "ABEZHIKMNOPTYXo",
)


def look_alikes(export: JoinedExport) -> Iterator[str]:
    """Name the ids, levels and columns of an export that a person can't tell apart, a sentence for each kind."""
    description = export.description
    texts = {f"ids in {name!r}": export.columns[name] for name in (description.batch_id, description.product_id)}
    for category in description.categories:
        texts[f"levels of {category.column!r}"] = export.columns[category.column]
    kinds: dict[str, Iterable[str]] = {what: set(cells.tolist()) for what, cells in texts.items()}
    for what, names in {**kinds, "columns": export.columns}.items():
        if pairs := list(_pairs(names)):
            shown = some_of((f"{one!a} and {other!a}" for one, other in pairs), most=3)
            yield (
                f"{len(pairs)} {what} look like others and have letters of another alphabet: {shown}; if they are the"
                " same, write them the same way"
            )


def _pairs(texts: Iterable[str]) -> Iterator[tuple[str, str]]:
    first: dict[str, str] = {}
    for text in sorted(texts):  # Latin letters come first
        other = first.setdefault(text.translate(_LETTERS), text)
        if other != text:
            yield other, text

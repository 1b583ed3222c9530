"""From the files of a pipeline to one document without templates and template expressions.

https://learn.microsoft.com/azure/devops/pipelines/process/runs#process-the-pipeline
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from rehearsal.expressions import Scope, evaluate
from rehearsal.parameters import bound
from rehearsal.results import NotPlayedError
from rehearsal.template_text import OPENING, directive, expanded
from rehearsal.values import Value, text, truth
from rehearsal.yaml_files import read_yaml

LISTS = ("stages", "jobs", "steps", "variables")
"""What a template may hold, and where one may be inserted."""
OWNERS = ("stage", "job", "deployment")
UNEXPANDED = ("name", "trigger", "pr", "schedules", "resources", "parameters", "appendCommitMessageToRunName")
MOST_FILES, MOST_LEVELS = 100, 20
Taken = Literal[True, False, None]
"""Whether one of an if-chain was taken; None outside of a chain."""
_DIRECTIVE = re.compile(r"(if|elseif|each)\s+(.*)", re.DOTALL)
_EACH = re.compile(r"(\w+)\s+in\s+(.*)", re.DOTALL)


@dataclass(frozen=True)
class _Place:
    """Where the compiler is: the file, the levels of templates above it, and the names that expressions may use."""

    file: Path
    level: int
    names: Mapping[str, Value]

    def scope(self) -> Scope:
        return Scope(self.names)

    def knowing(self, **names: Value) -> _Place:
        return replace(self, names={**self.names, **names})


@dataclass
class _Compiler:
    root: Path
    files: set[Path] = field(default_factory=set)

    def document(self, file: Path, given: Mapping[str, Value], variables: Mapping[str, str]) -> dict[str, Any]:
        """The whole pipeline."""
        document = self._read(file)
        for key in UNEXPANDED:
            if OPENING in str(document.get(key, "")):
                raise NotPlayedError(f"{file}: template expressions are not expanded in {key}: {document[key]}")
        kept = {key: document.pop(key) for key in UNEXPANDED if key in document}
        parameters = bound(kept.pop("parameters", []), given, str(file))
        place = _Place(file, 0, {"parameters": parameters, "variables": dict(variables)})
        return {**kept, **self._mapping(document, place, root=True)}

    def _read(self, file: Path) -> dict[str, Any]:
        self.files.add(file)
        if len(self.files) > MOST_FILES:
            raise NotPlayedError(f"{file}: more than {MOST_FILES} files are included")
        document = read_yaml(file)
        if not isinstance(document, dict):
            raise NotPlayedError(f"{file} should be a mapping, found is {document!r}")
        return document

    def _value(self, value: Any, place: _Place, kind: str = "") -> Any:
        if isinstance(value, str):
            try:
                found = expanded(value, place.scope())
                return found if isinstance(found, (list, dict)) else text(found)
            except NotPlayedError as error:
                raise NotPlayedError(f"{place.file}: {error}") from error
        if isinstance(value, dict):
            return self._mapping(value, place)
        return list(self._items(value, place, kind))

    def _mapping(self, mapping: Mapping[str, Any], place: _Place, *, root: bool = False) -> dict[str, Any]:
        result: dict[str, Any] = {}
        if "variables" in mapping and (root or next(iter(mapping)) in OWNERS):  # all that they hold knows these
            result["variables"] = self._variables(mapping["variables"], place)
            known = {item["name"]: item["value"] for item in result["variables"] if "value" in item}
            place = place.knowing(variables={**place.names["variables"], **known})
        for key, value, where in self._entries(mapping, place):
            name = text(expanded(key, where.scope())) if OPENING in key else key
            if key == "variables" and name in result:
                continue
            if name in result:
                raise NotPlayedError(f"{place.file}: {name!r} is there twice: {mapping}")
            result[name] = self._value(value, where, name if name in LISTS else "")
        return {key: result[key] for key in sorted(result, key=lambda key: key == "variables")}  # never the first key

    def _entries(self, mapping: Mapping[str, Any], place: _Place) -> Iterator[tuple[str, Any, _Place]]:
        """A mapping's entries, those in place of directives as well."""
        taken: Taken = None
        for key, value in mapping.items():
            found = directive(key)
            word = (found or "").split(maxsplit=1)[0] if found else ""
            if word not in ("if", "elseif", "else", "each", "insert"):
                taken = None
                yield key, value, place
                continue
            taken, wheres = self._chosen(found or "", taken, place)
            for where in wheres:
                inner = self._value(value, where) if isinstance(value, str) else value
                if not isinstance(inner, dict):
                    raise NotPlayedError(f"{place.file}: a mapping should stand under {key}, found is {inner!r}")
                yield from self._entries(inner, where)

    def _items(self, items: Any, place: _Place, kind: str) -> Iterator[Any]:
        """A list's items, those in place of directives and templates as well."""
        if not isinstance(items, list):
            raise NotPlayedError(f"{place.file}: a list should stand here, found is {items!r}")
        taken: Taken = None
        for item in items:
            found = directive(next(iter(item))) if isinstance(item, dict) and len(item) == 1 else None
            if found and re.match(r"(if|elseif|else|each)\b", found):
                taken, wheres = self._chosen(found, taken, place)
                for where in wheres:
                    inner = next(iter(item.values()))
                    yield from self._items(inner if isinstance(inner, list) else [inner], where, kind)
                continue
            taken = None
            value = self._value(item, place)
            if isinstance(value, dict) and "template" in value:
                yield from self._template(value, place, kind)
            elif isinstance(value, list):
                yield from value
            elif value != {}:
                yield value

    def _chosen(self, found: str, taken: Taken, place: _Place) -> tuple[Taken, list[_Place]]:
        """What a directive says: whether one of an if-chain was taken, and where its content is inserted, how often."""
        if found == "insert":
            return None, [place]
        if found == "else":
            if taken is None:
                raise NotPlayedError(f"{place.file}: an else without an if before it")
            return None, [] if taken else [place]
        match = _DIRECTIVE.fullmatch(found)
        if match is None:
            raise NotPlayedError(f"{place.file}: {found!r} can't be read")
        if match[1] == "each":
            return None, list(self._each(match[2], place))
        if match[1] == "elseif" and taken is None:
            raise NotPlayedError(f"{place.file}: an elseif without an if before it")
        holds = not (match[1] == "elseif" and taken) and truth(self._evaluated(match[2], place))
        return bool(holds or (match[1] == "elseif" and taken)), [place] if holds else []

    def _each(self, header: str, place: _Place) -> Iterator[_Place]:
        match = _EACH.fullmatch(header)
        if match is None:
            raise NotPlayedError(f"{place.file}: 'each {header}' can't be read")
        collection = self._evaluated(match[2], place)
        if isinstance(collection, dict):
            collection = [{"key": key, "value": value} for key, value in collection.items()]
        if not isinstance(collection, list):
            raise NotPlayedError(f"{place.file}: each {header} is about no list or mapping: {collection!r}")
        for item in collection:
            yield place.knowing(**{match[1]: item})

    def _evaluated(self, expression: str, place: _Place) -> Value:
        try:
            return evaluate(expression, place.scope())
        except NotPlayedError as error:
            raise NotPlayedError(f"{place.file}: {error}") from error

    def _template(self, item: Mapping[str, Any], place: _Place, kind: str) -> Iterator[Any]:
        if kind not in LISTS or set(item) - {"template", "parameters"}:
            raise NotPlayedError(f"{place.file}: a template can't stand here, or not with these keys: {item}")
        if place.level == MOST_LEVELS:
            raise NotPlayedError(f"{place.file}: templates are nested more than {MOST_LEVELS} levels deep")
        name, _, repository = item["template"].partition("@")
        if repository not in ("", "self"):
            raise NotPlayedError(f"{place.file}: a template of another repository: {item['template']}")
        file = (self.root / name.lstrip("/") if name.startswith("/") else place.file.parent / name).resolve()
        document = self._read(file)
        if set(document) - {"parameters"} != {kind}:
            raise NotPlayedError(f"{file} is inserted among {kind}, so it may hold these and parameters alone")
        parameters = bound(document.get("parameters", []), item.get("parameters", {}), str(file))
        inside = _Place(file, place.level + 1, {"parameters": parameters, "variables": place.names["variables"]})
        if kind == "variables":
            yield from self._variables(document[kind], inside)
        else:
            yield from self._items(document[kind], inside, kind)

    def _variables(self, variables: Any, place: _Place) -> list[dict[str, Any]]:
        """Variables as a list; each may use those before it."""
        known = dict(place.names["variables"])
        result: list[dict[str, Any]] = []
        if isinstance(variables, dict):
            found = self._entries(variables, place.knowing(variables=known))
            named = ((text(expanded(key, where.scope())), value, where) for key, value, where in found)
            items: Iterator[Any] = ({"name": n, "value": self._value(v, where)} for n, v, where in named)
        else:
            items = self._items(variables, place.knowing(variables=known), "variables")
        for item in items:
            result.append(item)
            if isinstance(item, dict) and "value" in item:
                known[item["name"]] = item["value"]
        return result


def compiled(file: Path, root: Path, parameters: Mapping[str, Value], variables: Mapping[str, str]) -> dict[str, Any]:
    """A pipeline's document with all templates inserted and all template expressions replaced.

    Args:
        file: The pipeline.
        root: The repository's folder, from which a template's path with a leading slash counts.
        parameters: Values for its parameters.
        variables: The predefined variables that are there when the YAML is compiled.

    Raises:
        NotPlayedError: Azure DevOps would refuse it, or the rehearsal does not play it.
    """
    return _Compiler(root).document(file.resolve(), parameters, variables)

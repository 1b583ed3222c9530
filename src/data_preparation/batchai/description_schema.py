"""The JSON schema of ``location.yml``, from the very code that reads and checks it.

    python -m src.data_preparation.batchai.description_schema > .vscode/location.schema.json

A `Section` that records what it is asked for is read like a description: each key becomes a property, and what the
documentation says of it in its example becomes its explanation. Editors complete, explain and check keys by it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from src.common.json_text import to_json
from src.common.settings import PROJECT_ROOT
from src.data_preparation.batchai.location_description import describe
from src.data_preparation.batchai.yaml_section import Section

Schema = dict[str, Any]
TEXT: Schema = {"type": ["string", "number"]}
TEXTS: Schema = {"anyOf": [TEXT, {"type": "array", "items": TEXT, "uniqueItems": True}]}
MAPPING: Schema = {"anyOf": [*TEXTS["anyOf"], {"type": "object", "additionalProperties": TEXT}]}
LIMIT: Schema = {"type": ["number", "null"]}
NULL: Schema = {"type": "null"}
_EXPLAINED = re.compile(r"^ *(?:- )?([a-z_]+):(?: .*?)? # (.+)$")


def location_schema() -> Schema:
    """The schema (https://json-schema.org, draft 2020-12)."""
    section = _RecordingSection(_explanations())
    describe(section, "location")
    schema = section.schema
    needed = schema.pop("required")
    schema["properties"]["extends"] = {"type": "string", "pattern": r"\.yml$"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What a plant's export looks like",
        **schema,
        "anyOf": [{"required": ["extends"]}, {"required": needed}],
    }


def _explanations() -> dict[str, str]:
    """What the example of the documentation says of each key."""
    text = (PROJECT_ROOT / "docs" / "location-yml.md").read_text(encoding="utf-8")
    example = text.partition("```yaml\n")[2].partition("```")[0]
    found: dict[str, str] = {}
    for match in filter(None, map(_EXPLAINED.match, example.splitlines())):
        found.setdefault(match[1], match[2].strip())
    return found


def _or_null(schema: Schema) -> Schema:
    """The same, or empty."""
    if isinstance(schema.get("type"), list):
        return {**schema, "type": [*schema["type"], "null"]}
    return {"anyOf": [*(schema["anyOf"] if list(schema) == ["anyOf"] else [schema]), NULL]}


class _RecordingSection(Section):
    """Notes every key that is asked for, with its type; each method returns some value of that type."""

    def __init__(self, explanations: dict[str, str]) -> None:
        super().__init__({})
        self._explanations = explanations
        self.schema: Schema = {"type": "object", "properties": {}, "additionalProperties": False, "required": []}

    def _note(self, key: str, schema: Schema, *, required: bool = False) -> None:
        explained = {"description": self._explanations[key]} if key in self._explanations else {}
        self.schema["properties"][key] = {**(schema if required else _or_null(schema)), **explained}
        if required:
            self.schema["required"].append(key)

    def _part(self) -> _RecordingSection:
        return _RecordingSection(self._explanations)

    def problem(self, key: str, what: str) -> None:
        pass

    def finish(self) -> None:
        pass

    def has(self, key: str) -> bool:
        return key in self.schema["properties"]

    def text(self, key: str, *, default: str | None = None) -> str:
        self._note(key, TEXT, required=default is None)
        return default or "text"

    def texts(self, key: str, *, required: bool = False) -> tuple[str, ...]:
        self._note(key, TEXTS, required=required)
        return ("text",)

    def text_mapping(self, key: str, *, required: bool = False) -> dict[str, str]:
        self._note(key, MAPPING, required=required)
        return {"text": "text"}

    def choice(self, key: str, known: Sequence[str], *, default: str | None = None) -> str:
        self._note(key, {"enum": list(known)}, required=default is None)
        return known[0]

    def flag(self, key: str, *, default: bool) -> bool:
        self._note(key, {"type": "boolean"})
        return default

    def number(self, key: str, *, default: float, minimum: float, maximum: float) -> float:
        self._note(key, {"type": "number", "minimum": minimum, "maximum": maximum})
        return default

    def limits(self, key: str) -> tuple[float | None, float | None]:
        self._note(key, {"type": "array", "items": LIMIT, "minItems": 2, "maxItems": 2})
        return (None, None)

    def section(self, key: str) -> Section:
        part = self._part()
        self._note(key, part.schema)
        return part

    def sections(self, key: str, *, required: bool = False) -> Iterator[Section]:
        part = self._part()
        self._note(key, {"type": "array", "items": part.schema, "minItems": int(required)}, required=required)
        yield part

    def named_sections(self, key: str, *, required: bool = False, shorthand: str = "") -> Iterator[tuple[str, Section]]:
        part = self._part()
        yield "text", part
        short = [part.schema["properties"][shorthand]] if shorthand else []
        inside = {"anyOf": [part.schema, *short, *([] if part.schema["required"] else [NULL])]}
        many = {"type": "object", "additionalProperties": inside, "minProperties": int(required)}
        self._note(key, many, required=required)

    def numbers_by_text(self) -> dict[str, float]:
        self.schema.update(properties={}, additionalProperties={"type": "number"})
        return {}


if __name__ == "__main__":
    print(to_json(location_schema()))

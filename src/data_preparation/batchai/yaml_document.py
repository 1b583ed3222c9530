"""YAML read strictly: no key twice, no anchors, no text that turns into something else."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml

MAX_BYTES = 1_000_000
MAX_DIGITS = 100


class WrittenInt(int):
    """A whole number that knows how it was written: the batch ``007`` is not the batch ``7``."""

    text: str


class WrittenFloat(float):
    """A number that knows how it was written."""

    text: str


class _StrictLoader(yaml.SafeLoader):
    """Refuses what YAML would swallow or expand."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _wrong("anchors and aliases (& and *) are not read; write the text out", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(  # the signature is PyYAML's
        self,
        node: yaml.MappingNode,
        deep: bool = False,  # noqa: FBT001, FBT002
    ) -> dict[Hashable, Any]:
        seen: dict[Hashable, yaml.Mark] = {}
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable) and key in seen:
                raise _wrong(
                    f"the key {str(key)[:60]!r} stands twice, first in line {seen[key].line + 1}", key_node.start_mark
                )
            if isinstance(key, Hashable):
                seen[key] = key_node.start_mark
        return super().construct_mapping(node, deep=deep)


def _wrong(what: str, mark: yaml.Mark) -> yaml.YAMLError:
    return yaml.MarkedYAMLError(problem=what, problem_mark=mark)


def _integer(loader: _StrictLoader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    if len(text) > MAX_DIGITS:
        raise _wrong(f"a number of {len(text)} digits can't be used", node.start_mark)
    number = WrittenInt(loader.construct_yaml_int(node))
    number.text = text
    return number


def _real(loader: _StrictLoader, node: yaml.ScalarNode) -> float:
    text = str(loader.construct_scalar(node))
    number = WrittenFloat(loader.construct_yaml_float(node))
    number.text = text
    return number


_StrictLoader.add_constructor("tag:yaml.org,2002:int", _integer)
_StrictLoader.add_constructor("tag:yaml.org,2002:float", _real)
_StrictLoader.yaml_implicit_resolvers = {  # dates stay texts
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":merge"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_yaml(content: bytes) -> object:
    """Read one YAML document.

    Raises:
        ValueError: It is none, or holds what is not read; the message names the line.
    """
    if len(content) > MAX_BYTES:
        raise ValueError(f"{len(content)} bytes, more than {MAX_BYTES}")
    try:
        return yaml.load(content.decode("utf-8-sig"), _StrictLoader)  # noqa: S506 - a SafeLoader that refuses more
    except UnicodeDecodeError as error:
        raise ValueError(
            f"not UTF-8: byte 0x{content[error.start]:02x} in line {content[: error.start].count(10) + 1}"
        ) from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ValueError(f"{place}{error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise ValueError(str(error)) from None

"""YAML as Azure DevOps reads it: every scalar is text, nothing is there twice, no anchors.

https://learn.microsoft.com/azure/devops/pipelines/yaml-schema/
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from rehearsal.results import NotPlayedError


class _Loader(yaml.BaseLoader):
    """Text stays text: ``3.10`` is no number, ``on`` is no Boolean."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.composer.ComposerError(
                None, None, "an anchor, which Azure DevOps does not take", event.start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key that is no text", key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} is there twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def read_yaml(file: Path) -> Any:
    """A file's content: text, lists, and mappings with text keys in the order of the file.

    Raises:
        NotPlayedError: It can't be read, or holds what Azure DevOps does not take.
    """
    try:
        return yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506  it constructs text alone
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise NotPlayedError(f"{file} can't be read: {error}") from error


def boolean(value: Any, where: str) -> bool:
    """A Boolean of the YAML.

    https://learn.microsoft.com/azure/devops/pipelines/yaml-schema/boolean

    Raises:
        NotPlayedError: It is none.
    """
    written = value.lower() if isinstance(value, str) else value
    if written in ("true", "y", "yes", "on", True):
        return True
    if written in ("false", "n", "no", "off", False):
        return False
    raise NotPlayedError(f"{where} should be a Boolean, found is {value!r}")

"""How a setting is declared, and how settings are made of what variables hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, dataclass, field, fields
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar

from src.common import setting_values
from src.common.errors import SettingsError, did_you_mean
from src.common.redaction import register_secrets
from src.common.setting_values import HiddenValueError
from src.common.sources.container_url import is_blob_url

Declared = TypeVar("Declared", bound="DeclaredSettings")
MISSING_ON_A_LINE = 20


def setting(
    variable: str,
    parse: Callable[[str], Any],
    *,
    default: str = "",
    meaning: str = "",
    section: str = "",
    secret: bool = False,
    given: bool = False,
    tuning: bool = False,
) -> Any:
    """Declare a setting: a field of a class of settings.

    Args:
        variable: Its name in ``.env``.
        parse: Makes a value of the text. Raises ValueError with what it expects.
        default: Its text in ``.env``.
        meaning: The comment above it there; empty where it shares the one before.
        section: The heading above that, where a new section begins.
        secret: Whether its value must never be shown.
        given: Whether every script may read it: it says where things lie, or who signs in, and not what they become. A
            pipeline gives its scripts such things as arguments.
        tuning: Whether it changes how long a step takes, and not what it writes.
    """
    facts = {"default": default, "meaning": cleandoc(meaning), "section": section, "given": given, "tuning": tuning}
    return field(repr=not secret, metadata={"variable": variable, "parse": parse, **facts})


@dataclass(frozen=True)
class DeclaredSettings:
    """A class of settings: each field is one, declared with `setting`. Secrets never show in a repr.

    Attributes:
        model: The name of the model; empty for the platform alone.
        below: What its folders lie in below those that the variables name; None for its name.
        prefixes: How its variables begin, beside its name.
    """

    model: ClassVar[str] = ""
    below: ClassVar[str | None] = None
    prefixes: ClassVar[tuple[str, ...]] = ()

    if not TYPE_CHECKING:  # else any name would pass the check of types

        def __getattr__(self, name: str) -> NoReturn:
            """Refuse what the script did not declare: whoever runs it would not know that its result depends on it."""
            if name not in type(self).__dataclass_fields__:
                raise AttributeError(name)
            raise SettingsError(
                f"the script reads the setting {name!r}, which it does not declare",
                expected=f"{name!r} in READS of the script",
            )

    @classmethod
    def folder_below(cls) -> str:
        """What the folders of the model lie in, below those that the variables name."""
        return cls.model if cls.below is None else cls.below

    @classmethod
    def variables(cls) -> tuple[str, ...]:
        """The names of all variables, in the order of ``.env``."""
        return tuple(item.metadata["variable"] for item in fields(cls))

    @classmethod
    def from_env(cls: type[Declared], variables: Mapping[str, str], *, looked_in: str = "the environment") -> Declared:
        """Check variables and make settings of them.

        Args:
            variables: Text by the variable's name, such as ``{"CLONE_CONNECTIONS": "5"}``. An empty secret means: none.
            looked_in: Where the variables come from, for the error.

        Raises:
            SettingsError: Variables are missing or wrong; all of them are named together.
        """
        register_secrets(_secrets(fields(cls), variables))
        values: dict[str, Any] = {}
        problems: list[str] = []
        missing: list[str] = []
        for item in fields(cls):
            name = item.metadata["variable"]
            if name not in variables:
                missing.append(name + did_you_mean(name, variables))
                continue
            text = variables[name].strip()
            try:
                setting_values.refuse_what_is_no_value(text, secret=not item.repr)
                value = item.metadata["parse"](text)
                values[item.name] = value / cls.folder_below() if isinstance(value, Path) else value
            except ValueError as error:
                shown = item.repr and not isinstance(error, HiddenValueError)
                found = repr(variables[name]) if shown else "a value that is not shown"
                problems.append(f"{name} is {found}, expected {error}")
        # on few lines, since a message that is cut would hide some of them
        lines = [missing[place : place + MISSING_ON_A_LINE] for place in range(0, len(missing), MISSING_ON_A_LINE)]
        problems[:0] = ["missing: " + "; ".join(line) for line in lines]
        if problems:
            raise SettingsError(
                "\n".join(problems),
                where=looked_in,
                hint="correct them in .env.local (yours) or .env (the project's); .env explains each",
            )
        return cls(**values)


def _secrets(items: Iterable[Field[Any]], variables: Mapping[str, str]) -> list[str]:
    """The values of secret settings; of a URL only its query, as its path is no secret."""
    found = []
    for item in items:
        value = "" if item.repr else variables.get(item.metadata["variable"], "").strip()
        if item.metadata["parse"] is setting_values.source:
            value = value.partition("?")[2] if is_blob_url(value) else ""
        found.append(value)
    return [value for value in found if not value.startswith("$(")]  # the name of a variable that nobody defined

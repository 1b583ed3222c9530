"""What the source of a script says of it, without running it: what it imports, and which settings it reads."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path

from src.common.errors import SettingsError, did_you_mean
from src.common.settings import Settings

READS = "READS"
"""The name under which a script, or what it calls, declares the settings that it reads."""


@dataclass(frozen=True)
class _Source:
    """One file.

    Attributes:
        modules: The modules that it imports, also inside functions, as their parts.
        reads: What it declares to read; None where that is no tuple of names.
    """

    modules: tuple[tuple[str, ...], ...] = ()
    reads: tuple[str, ...] | None = ()


def imported_files(script: Path, root: Path) -> list[Path]:
    """The script and every module of the project that it imports, also inside functions, and so on; sorted.

    Args:
        script: The script's file.
        root: The folder that imports start at.
    """
    found: set[Path] = set()
    waiting = [script]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            for module in _source_of(file, root).modules:
                waiting += _files_of_module(module, root)
    return sorted(found)


def settings_read(script: Path, root: Path, declared: type[Settings]) -> tuple[str, ...]:
    """The settings that a script declares to read, itself or in what it imports; sorted.

    Args:
        script: The script's file.
        root: The folder that imports start at.
        declared: The class of the model's settings.

    Raises:
        SettingsError: A declaration can't be read in the source, or names no setting.
    """
    known = [item.name for item in fields(declared)]
    found: set[str] = set()
    for file in imported_files(script, root):
        names = _source_of(file, root).reads
        if names is None:
            raise SettingsError(
                f"{READS} can't be read without running the script",
                where=file,
                expected=f'{READS} = ("name", "another"): a tuple of names, each written out',
            )
        for name in names:
            if name not in known:
                near = did_you_mean(name, known)
                raise SettingsError(f"{READS} names {name!r}, which is no setting{near}", where=file)
        found.update(names)
    return tuple(sorted(found))


def _source_of(file: Path, root: Path) -> _Source:
    try:
        return _parsed(file.read_bytes(), file.relative_to(root).parts[:-1])
    except FileNotFoundError:
        return _Source()


@lru_cache(maxsize=2000)
def _parsed(content: bytes, package: tuple[str, ...]) -> _Source:
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):
        return _Source()  # the step itself says what is wrong, when it runs
    reads: tuple[str, ...] | None = ()
    for statement in tree.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        if isinstance(statement, ast.Assign) and any(isinstance(one, ast.Name) and one.id == READS for one in targets):
            reads = _names(statement.value)
    return _Source(tuple(dict.fromkeys(_modules(tree, package))), reads)


def _names(value: ast.expr) -> tuple[str, ...] | None:
    """A tuple of texts that is written out; None for anything else."""
    if not isinstance(value, ast.Tuple):
        return None
    names = [item.value for item in value.elts if isinstance(item, ast.Constant) and isinstance(item.value, str)]
    return tuple(names) if len(names) == len(value.elts) else None


def _modules(tree: ast.Module, package: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield tuple(alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else ()
            for alias in node.names:
                yield (*above, *(node.module.split(".") if node.module else ()), alias.name)


def _files_of_module(parts: Sequence[str], root: Path) -> Iterator[Path]:
    """The module's file, and the ``__init__.py`` of each package above it, where they are the project's own."""
    for length in range(1, len(parts) + 1):
        path = root.joinpath(*parts[:length])
        for candidate in (path.with_suffix(".py"), path / "__init__.py"):
            if candidate.is_file():
                yield candidate

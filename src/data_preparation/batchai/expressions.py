"""Arithmetic over columns, as ``derived`` in a location.yml writes it: parsed to a whitelist, never run as code.

An expression holds numbers, column names, ``+ - * / **``, parentheses, ``log(...)`` (natural) and ``sqrt(...)``.
A name that is no plain identifier stands in backticks: ``log(`Time (days)`)``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_LENGTH = 500
_OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "subtract",
    ast.Mult: "multiply",
    ast.Div: "divide",
    ast.Pow: "power",
}
_FUNCTIONS = ("log", "sqrt")
_QUOTED = re.compile(r"`([^`]+)`")
_ALLOWED = "numbers, column names (in `backticks` where they are no plain words), + - * / ** ( ) log() sqrt()"


@dataclass(frozen=True)
class Expression:
    """A parsed expression.

    Attributes:
        text: What was parsed.
        columns: The columns it reads, in order of appearance.
    """

    text: str
    columns: tuple[str, ...]
    _tree: ast.expr
    _names: Mapping[str, str]

    def evaluate(self, columns: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """Compute the expression for every row.

        Args:
            columns: Shape (rows,) each, at least those of `self.columns`. NaN stands for missing.

        Returns:
            Shape (rows,). NaN where an input is missing, and NaN or infinite where the value does not exist (the
            logarithm of zero, a division by zero).
        """
        import numpy as np

        rows = len(columns[self.columns[0]]) if self.columns else 0
        with np.errstate(all="ignore"):
            value = self._value(self._tree, columns)
        return np.broadcast_to(np.asarray(value, dtype=np.float64), (rows,)).copy()

    def _value(self, node: ast.expr, columns: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        import numpy as np

        if isinstance(node, ast.Constant):
            return np.asarray(node.value, dtype=np.float64)
        if isinstance(node, ast.Name):
            return columns[self._names[node.id]]
        if isinstance(node, ast.UnaryOp):
            operand = self._value(node.operand, columns)
            return -operand if isinstance(node.op, ast.USub) else operand
        if isinstance(node, ast.BinOp):
            operate: Callable[..., NDArray[np.float64]] = getattr(np, _OPERATORS[type(node.op)])
            return operate(self._value(node.left, columns), self._value(node.right, columns))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            function: Callable[..., NDArray[np.float64]] = getattr(np, node.func.id)
            return function(self._value(node.args[0], columns))
        raise AssertionError(node)  # parse_expression lets nothing else through


def parse_expression(text: str) -> Expression:
    """Parse an expression.

    Raises:
        ValueError: It holds anything that is not allowed; the message names it.
    """
    if len(text) > MAX_LENGTH:
        raise ValueError(f"{len(text)} characters long; at most {MAX_LENGTH} are read")
    names: dict[str, str] = {}

    def stand_in(match: re.Match[str]) -> str:
        name = f"_column{len(names)}_"
        names[name] = match.group(1)
        return f" {name} "

    plain = _QUOTED.sub(stand_in, text)
    try:
        tree = ast.parse(plain.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"not an expression; allowed are {_ALLOWED}") from None
    columns: dict[str, None] = {}
    _check(tree, names, columns)
    if not columns:
        raise ValueError("it reads no column")
    return Expression(text=text, columns=tuple(columns), _tree=tree, _names=names)


def _check(node: ast.expr, names: dict[str, str], columns: dict[str, None]) -> None:
    """Walk the tree; collect columns; refuse what is not on the list."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return
    if isinstance(node, ast.Name):
        columns.setdefault(names.setdefault(node.id, node.id))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        _check(node.operand, names, columns)
    elif isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        _check(node.left, names, columns)
        _check(node.right, names, columns)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1 and not node.keywords:
        if node.func.id not in _FUNCTIONS:
            raise ValueError(f"the function {node.func.id!r} is not known; allowed are {_ALLOWED}")
        _check(node.args[0], names, columns)
    else:
        raise ValueError(f"{ast.unparse(node)!r} is not allowed; allowed are {_ALLOWED}")

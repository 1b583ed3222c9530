"""Problems that are collected, so that all of a location are reported together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from src.common.errors import BatchAIError, DataError


class LocationError(DataError):
    """Several things are wrong with a location.

    Attributes:
        errors: What is wrong, each with its own message.
    """

    def __init__(self, errors: Sequence[BatchAIError]) -> None:
        super().__init__(f"{len(errors)} problems")
        self.errors = tuple(errors)

    def __str__(self) -> str:
        """The messages, one after the other."""
        return "\n".join(map(str, self.errors))


class Problems:
    """Collects errors of steps that do not need each other."""

    def __init__(self) -> None:
        self._errors: list[BatchAIError] = []

    @contextmanager
    def collect(self) -> Iterator[None]:
        """Note an error that is raised in this block; the work goes on behind it."""
        try:
            yield
        except BatchAIError as error:
            self._errors += errors_in(error)

    def raise_all(self) -> None:
        """Raise what was noted.

        Raises:
            BatchAIError: Something was noted: the error itself, or a `LocationError` with all of them.
        """
        if len(self._errors) == 1:
            raise self._errors[0]
        if self._errors:
            raise LocationError(self._errors)


def errors_in(error: BatchAIError) -> tuple[BatchAIError, ...]:
    """The single errors in an error."""
    return error.errors if isinstance(error, LocationError) else (error,)

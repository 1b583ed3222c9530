"""A folder as a source of files, the simplest one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from src.common.errors import DataError
from src.common.sources.source import SourceFile

CHUNK_BYTES = 1 << 20


class FolderSource:
    """A folder on this machine or a mounted share."""

    def __init__(self, root: Path) -> None:
        self._root = Path(os.path.realpath(root))  # resolve() fails at a link that leads to itself
        if not self._root.is_dir():
            raise DataError(
                "the input folder does not exist",
                where=root,
                found="a file"
                if root.exists()
                else "a link that leads to itself or nowhere"
                if root.is_symlink()
                else "nothing",
                expected="a folder with one folder per location",
                hint="correct INPUT_URL in .env or .env.local",
            )

    @property
    def root(self) -> Path:
        """The folder, resolved."""
        return self._root

    @property
    def identity(self) -> str:
        """Its path."""
        return self._root.as_posix()

    def list(self) -> list[SourceFile]:
        """All files below it, without hidden ones.

        A link that does not lead to a file of this folder, and a name that is no Unicode, are files with a problem.
        """
        found: list[SourceFile] = []
        for folder, folders, names in os.walk(self._root, onerror=_raise):
            visible = sorted(name for name in (*names, *folders) if not name.startswith("."))
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for path in (Path(folder, name) for name in visible):
                relative = path.relative_to(self._root).as_posix()
                inside = not path.is_symlink() or (path.is_file() and self._root in path.resolve().parents)
                if not inside or not _is_unicode(relative):
                    found.append(SourceFile(_printable(relative), 0, "", problem=self._astray(relative)))
                elif path.is_file():
                    state = path.stat()
                    found.append(SourceFile(relative, state.st_size, str(state.st_mtime_ns)))
        return found

    def chunks(self, file: SourceFile) -> Iterator[bytes]:
        """The content of a file, in parts, as it was when it was listed.

        Raises:
            DataError: It was changed since, or can't be read.
        """
        if file.problem is not None:
            raise file.problem
        path = self._root / file.name
        try:
            with path.open("rb") as stream:
                while chunk := stream.read(CHUNK_BYTES):
                    yield chunk
            state = path.stat()
        except OSError as error:
            raise _of_one_file(
                f"a file can't be read: {error.strerror or error}", path, "check the file and who may read it"
            ) from error
        if (state.st_size, str(state.st_mtime_ns)) != (file.size, file.version):
            raise _of_one_file(
                "a file was changed while it was cloned",
                path,
                "run the same command again, when nobody writes there",
            )

    def _astray(self, name: str) -> DataError:
        return _of_one_file(
            "a link leads elsewhere, or a name is no Unicode",
            self._root,
            "put what a link stands for in its place, rename the file, or let INPUT_URL name where it is",
            found=repr(name),
            expected="files, and links to files of this folder",
        )


def _of_one_file(what: str, where: Path, hint: str, *, found: object = None, expected: object = None) -> DataError:
    error = DataError(what, where=where, found=found, expected=expected, hint=hint)
    error.of_one_file = True
    return error


def _printable(name: str) -> str:
    """A name that can be shown, whatever bytes it has."""
    return name.encode("utf-8", errors="backslashreplace").decode()


def _is_unicode(name: str) -> bool:
    """Whether a name can be written as UTF-8; Linux gives other bytes as lone surrogates."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _raise(error: OSError) -> None:
    """A folder that can't be read must not look like one whose files were deleted."""
    raise error

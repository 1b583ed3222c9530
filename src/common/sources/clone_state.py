"""What a mirror remembers of itself: ``.clone.json``, the note of what its clones brought.

While a clone goes on, each file that is in place gets a line in ``.clone.journal``: a killed clone loses none of them,
and the note need not be written again for every file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from src.common.files import atomic_write
from src.common.paths import original_name, safe_relative_path
from src.common.sealed_json import seal, unseal

STATE_NAME = ".clone.json"
JOURNAL_NAME = ".clone.journal"
STATE_FORMAT = 2


@dataclass(frozen=True)
class Copy:
    """A copy in the mirror: the version it was made of, and what tells whether it is still that copy.

    Attributes:
        version: The version of the file at its source; empty where the copy is to be fetched (again).
        size: In bytes.
        changed_ns: When the copy was written, in nanoseconds since 1970.
    """

    version: str = ""
    size: int = -1
    changed_ns: int = 0

    def is_at(self, path: Path) -> bool:
        """Whether the file at a path is this copy, untouched."""
        try:
            found = path.lstat()
        except OSError:
            return False
        return (found.st_size, found.st_mtime_ns) == (self.size, self.changed_ns)


TO_FETCH = Copy()


@dataclass
class CloneState:
    """What a mirror holds.

    Attributes:
        source: The source that is mirrored, without any secret.
        copies: By safe relative path: every file that a clone brought, or was about to bring.
        damaged: There is a note, and it can't be read.
    """

    source: str
    copies: dict[str, Copy] = field(default_factory=dict)
    damaged: bool = False


def load_state(target: Path, *, source: str) -> CloneState:
    """Read what an earlier clone noted. Copies of another source are known, so that they can go, but not current."""
    try:
        state = _parse(unseal((target / STATE_NAME).read_bytes()))
    except FileNotFoundError:
        return CloneState(source)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return CloneState(source, damaged=True)
    state.copies.update(_read_journal(target, state))
    return state if state.source == source else CloneState(source, dict.fromkeys(state.copies, TO_FETCH))


@contextmanager
def journal(target: Path, state: CloneState) -> Iterator[Callable[[str, Copy], None]]:
    """Note copies one by one, on the disk and in `state`. The note itself must have been saved before."""
    with (target / JOURNAL_NAME).open("w", encoding="utf-8") as stream:
        stream.write(json.dumps(state.source) + "\n")

        def note(path: str, copy: Copy) -> None:
            state.copies[path] = copy
            stream.write(json.dumps([path, copy.version, copy.size, copy.changed_ns]) + "\n")
            stream.flush()

        yield note


def save_state(target: Path, state: CloneState) -> None:
    """Write the note; the journal is part of it then, and goes."""
    copies = {path: asdict(state.copies[path]) for path in sorted(state.copies)}
    document = {"format": STATE_FORMAT, "source": state.source, "copies": copies}
    atomic_write(target / STATE_NAME, seal(document))
    (target / JOURNAL_NAME).unlink(missing_ok=True)


def _read_journal(target: Path, state: CloneState) -> dict[str, Copy]:
    """What an interrupted clone noted; a last line that was cut off does not count."""
    try:
        first, *lines = (target / JOURNAL_NAME).read_text(encoding="utf-8").splitlines()
        same = json.loads(first) == state.source
    except (OSError, ValueError):
        return {}
    noted: dict[str, Copy] = {}
    for line in lines if same else ():
        try:
            path, version, size, changed_ns = json.loads(line)
        except ValueError:
            break
        if path in state.copies:
            noted[path] = Copy(version, size, changed_ns)
    return noted


def _parse(document: Mapping[str, Any]) -> CloneState:
    copies = {path: Copy(**copy) for path, copy in document["copies"].items()}
    # these paths get deleted: one that leads out of the mirror must not come in with an edited note
    if document["format"] != STATE_FORMAT or any(safe_relative_path(original_name(path)) != path for path in copies):
        raise ValueError("not a note of this format")
    return CloneState(str(document["source"]), copies)

"""What the last preparation left of a location, kept where this one can't replace it."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from src.common.committed_folder import StagedFolder
from src.common.errors import BatchAIError
from src.common.paths import encode_key
from src.data_preparation.batchai.prepared_data import PreparedFolder

EXPORT = "export"
"""The fact of a location that names the export which holds it and others."""


@dataclass(frozen=True)
class EarlierPreparation:
    """A folder of prepared data from before, or nothing."""

    folder: PreparedFolder | None

    @classmethod
    def open(cls, root: Path) -> EarlierPreparation:
        """Open what is there. A folder that can't be read counts as nothing: it is about to be replaced."""
        try:
            return cls(PreparedFolder.open(root))
        except BatchAIError:
            return cls(None)

    @property
    def locations(self) -> tuple[str, ...]:
        """The locations that were prepared."""
        return self.folder.locations if self.folder is not None else ()

    def of_export(self, export: str) -> list[str]:
        """The locations that came from an export: the one of its name, or all that it held."""
        if export in self.locations or self.folder is None:
            return [export] if export in self.locations else []
        facts = self.folder.manifest.facts["locations"]
        return [name for name in self.locations if facts[name].get(EXPORT) == export]

    def exports_of(self, locations: Collection[str]) -> set[str]:
        """The exports that hold several locations, of these or more."""
        facts = self.folder.manifest.facts["locations"] if self.folder is not None else {}
        return {facts[name][EXPORT] for name in locations if EXPORT in facts.get(name, ())}

    def keep(self, location: str, staged: StagedFolder) -> bool:
        """Copy what was prepared of a location, byte for byte, into the new folder.

        Returns:
            Whether it was there, and every file as it was written.
        """
        if self.folder is None or location not in self.folder.locations:
            return False
        prefix = f"location={encode_key(location)}/"
        names = [name for name in self.folder.manifest.files if name.startswith(prefix)]
        files = {name: self._read(name) for name in names}
        if not files or None in files.values():
            return False
        for name, content in files.items():
            staged.write(name, content or b"")
        staged.facts.setdefault("locations", {})[location] = self.folder.manifest.facts["locations"][location]
        return True

    def rows(self, table: str, locations: Collection[str]) -> list[list[str]]:
        """The rows of a table of the folder whose first cell is one of the locations."""
        content = self._read(table) if self.folder is not None and locations else None
        rows = csv.reader(io.StringIO((content or b"").decode(), newline=""))
        return [row for row in rows if row and row[0] in locations]

    def _read(self, name: str) -> bytes | None:
        """A file of the folder; None where it is not what was written."""
        if self.folder is None or name not in self.folder.manifest.files:
            return None
        try:
            content = (self.folder.root / name).read_bytes()
        except OSError:
            return None
        same = hashlib.sha256(content).hexdigest() == self.folder.manifest.files[name].sha256
        return content if same else None

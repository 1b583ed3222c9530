"""Where a report goes, for every model: a folder with the page and its numbers, and a copy of the page for people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from src.common.committed_folder import replace_folder
from src.common.errors import DataError
from src.common.files import atomic_write
from src.common.manifest import MANIFEST_NAME
from src.common.settings import Mode, Settings

KIND = "report"
PAGE = "report.html"


@dataclass(frozen=True)
class ReportFolder:
    """The folder of a report. Its page lies beside it, too, unless the report goes elsewhere than usual.

    Attributes:
        folder: The folder.
        settings: The settings of the model.
    """

    folder: Path
    settings: Settings

    @property
    def title(self) -> str:
        """The title of every page of this model, by which a page of ours is known."""
        return f"{self.settings.model}: model report"

    def refuse_foreign_page(self) -> None:
        """Refuse to replace a page that no report wrote, unless a report stands beside it: then somebody edited it.

        Raises:
            DataError: There is such a page.
        """
        page = self.settings.outputs_folder / PAGE
        if not self._is_usual or (self.folder / MANIFEST_NAME).exists() or not page.exists():
            return
        if not page.is_file() or f"<title>{self.title}</title>".encode() not in page.read_bytes():
            raise DataError(
                "the page of the report would replace a file that no report wrote",
                where=page,
                hint="move it away, or name another folder as OUTPUTS_DIR in .env.local",
            )

    def write(self, page: str, tables: Iterable[tuple[str, str]] = (), *, data_version: str) -> Path:
        """Write the page and tables, and upload the page to the run in Azure ML. Returns the page to open.

        Args:
            page: The page as HTML, with `title`.
            tables: The name and the text of each file beside it.
            data_version: What names the data that the report is about.
        """
        with replace_folder(self.folder, kind=KIND) as staged:
            staged.write(PAGE, page)
            for name, text in tables:
                staged.write(name, text)
            staged.facts.update(data_version=data_version)
        if self.settings.mode is Mode.PROD:
            from src.common.azureml_adapter import log_results

            log_results({}, folder="report", files=[self.folder / PAGE])
        if not self._is_usual:
            return self.folder / PAGE
        copy = self.settings.outputs_folder / PAGE
        atomic_write(copy, page)
        return copy

    @property
    def _is_usual(self) -> bool:
        return self.folder.resolve() == (self.settings.outputs_folder / "report").resolve()

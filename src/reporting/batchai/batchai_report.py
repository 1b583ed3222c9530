"""Show what was trained and how good it is: one page that opens from the disk, and its numbers as CSV.

    python src/reporting/batchai/batchai_report.py

Reads the prepared data, the model and, where there is one, its evaluation; writes ``outputs/report/`` and a
copy of the page as ``outputs/report.html``.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[3])

from src.common.committed_folder import replace_folder
from src.common.console import Stopwatch, add_verbose, run_script
from src.common.errors import DataError
from src.common.files import atomic_write
from src.common.manifest import MANIFEST_NAME
from src.common.settings import Mode, load_settings
from src.settings.batchai.batchai_settings import BatchaiSettings

if TYPE_CHECKING:
    from src.reporting.batchai.findings import Findings

KIND = "report"
PAGE = "report.html"
TITLE = b"<title>batchai: model report</title>"


READS = (
    "run_evaluation",
    "source_version",
)
"""The settings that the script reads, beside those that say where things lie."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    arguments = _arguments(argv)
    settings = load_settings(BatchaiSettings, READS)
    watch = Stopwatch()
    outputs = settings.outputs_folder
    folder = arguments.report_folder or outputs / "report"

    from src.common.made import commit
    from src.reporting.batchai.findings import Findings
    from src.reporting.batchai.page import render_page
    from src.reporting.batchai.report_tables import report_tables
    from src.reporting.batchai.sources import read_sources
    from src.reporting.batchai.summary import summarise

    _refuse_foreign_page(folder, outputs)
    sources = read_sources(
        prepared=arguments.prepared_folder or settings.prepared_folder,
        model=arguments.model_folder or outputs / "model",
        evaluation=(arguments.evaluation_folder or outputs / "evaluation") if settings.run_evaluation else None,
        monitoring=arguments.monitoring_folder or outputs / "monitoring",
    )
    findings = Findings(sources)
    summary = summarise(findings, commit=commit(settings.source_version))
    page = render_page(findings, summary)
    with replace_folder(folder, kind=KIND) as staged:
        staged.write(PAGE, page)
        for name, text in report_tables(findings, summary):
            staged.write(name, text)
        staged.facts.update(data_version=sources.data_version)
    _print_summary(findings, summary)
    if settings.mode is Mode.PROD:
        from src.common.azureml_adapter import log_results

        log_results({}, folder="report", files=[folder / PAGE])
    print(f"reported in {watch.seconds:.1f} s: {_copy_page(page, folder, outputs)}")
    return 0


def _arguments(argv: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--prepared_folder", type=Path, help="the prepared data (DATAPREP_OUTPUTS_DIR)")
    parser.add_argument("--model_folder", type=Path, help="the model (model/ in OUTPUTS_DIR)")
    parser.add_argument("--evaluation_folder", type=Path, help="the evaluation, if any (evaluation/ in OUTPUTS_DIR)")
    parser.add_argument("--monitoring_folder", type=Path, help="what monitoring found, if it ran (monitoring/)")
    parser.add_argument("--report_folder", type=Path, help="where to write (report/ in OUTPUTS_DIR)")
    add_verbose(parser)
    return parser.parse_args(argv)


def _refuse_foreign_page(folder: Path, outputs: Path) -> None:
    """Refuse to replace a page that is no report of ours, unless a report stands beside it: then somebody edited it."""
    page = outputs / PAGE
    if folder.resolve() != (outputs / "report").resolve() or (folder / MANIFEST_NAME).exists() or not page.exists():
        return
    if not page.is_file() or TITLE not in page.read_bytes():
        raise DataError(
            "the page of the report would replace a file that no report wrote",
            where=page,
            hint="move it away, or name another folder as OUTPUTS_DIR in .env.local",
        )


def _copy_page(page: str, folder: Path, outputs: Path) -> Path:
    """Put the page where people look for it, unless the report goes elsewhere. Returns the page to open."""
    if folder.resolve() != (outputs / "report").resolve():
        return folder / PAGE
    copy = outputs / PAGE
    atomic_write(copy, page)
    return copy


def _print_summary(findings: Findings, summary: Mapping[str, object]) -> None:
    print(f"  {summary['models trained']} models trained, {len(findings.left_out)} left out")
    for name, errors in (("best", findings.best), ("worst", findings.worst)):
        if errors:
            print(f"  {name}: {errors.location}, {errors.product_id}, {errors.target}: skill {errors.skill:.3f}")


if __name__ == "__main__":
    sys.exit(run_script(main))

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

from src.common.console import Stopwatch, add_verbose, run_script
from src.common.settings import load_settings
from src.reporting.report_folder import ReportFolder
from src.settings.batchai.batchai_settings import BatchaiSettings

if TYPE_CHECKING:
    from src.reporting.batchai.findings import Findings

READS = ("run_evaluation", "source_version")
"""The settings that the script reads, beside those that say where things lie."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    arguments = _arguments(argv)
    settings = load_settings(BatchaiSettings, READS)
    watch = Stopwatch()
    outputs = settings.outputs_folder
    report = ReportFolder(arguments.report_folder or outputs / "report", settings)

    from src.common.made import commit
    from src.reporting.batchai.findings import Findings
    from src.reporting.batchai.page import render_page
    from src.reporting.batchai.report_tables import report_tables
    from src.reporting.batchai.sources import read_sources
    from src.reporting.batchai.summary import summarise

    report.refuse_foreign_page()
    sources = read_sources(
        prepared=arguments.prepared_folder or settings.prepared_folder,
        model=arguments.model_folder or outputs / "model",
        evaluation=(arguments.evaluation_folder or outputs / "evaluation") if settings.run_evaluation else None,
        monitoring=arguments.monitoring_folder or outputs / "monitoring",
    )
    findings = Findings(sources)
    summary = summarise(findings, commit=commit(settings.source_version))
    page = render_page(findings, summary)
    written = report.write(page, report_tables(findings, summary), data_version=sources.data_version)
    _print_summary(findings, summary)
    print(f"reported in {watch.seconds:.1f} s: {written}")
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


def _print_summary(findings: Findings, summary: Mapping[str, object]) -> None:
    print(f"  {summary['models trained']} models trained, {len(findings.left_out)} left out")
    for name, errors in (("best", findings.best), ("worst", findings.worst)):
        if errors:
            print(f"  {name}: {errors.location}, {errors.product_id}, {errors.target}: skill {errors.skill:.3f}")


if __name__ == "__main__":
    sys.exit(run_script(main))

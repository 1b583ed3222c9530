"""Show what was trained and how good it is, as a page.

    python src/reporting/helloworld/helloworld_report.py

Reads ``outputs/helloworld/model``; writes ``outputs/helloworld/report``.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from html import escape
from pathlib import Path

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[3])

from src.common.committed_folder import read_manifest
from src.common.console import add_verbose, run_script
from src.common.settings import load_settings
from src.reporting.report_folder import ReportFolder
from src.settings.helloworld.helloworld_settings import HelloworldSettings
from src.training.helloworld.linear_model import MADE_BY
from src.training.helloworld.model_file import KIND, load_model

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body {{ font: 1rem/1.5 system-ui; max-width: 40rem; margin: 2rem auto }} th {{ text-align: left }}</style>
<h1>helloworld</h1><table>{rows}</table></html>
"""
READS = ()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    parser = ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--model_folder", type=Path, help="the model (OUTPUTS_DIR/helloworld/model)")
    parser.add_argument("--report_folder", type=Path, help="where to write (OUTPUTS_DIR/helloworld/report)")
    add_verbose(parser)
    arguments = parser.parse_args(argv)
    settings = load_settings(HelloworldSettings, READS)
    outputs = settings.outputs_folder
    report = ReportFolder(arguments.report_folder or outputs / "report", settings)
    report.refuse_foreign_page()

    folder = arguments.model_folder or outputs / "model"
    model, manifest = load_model(folder), read_manifest(folder, kind=KIND, made_by=MADE_BY)
    made = {"trained at": manifest.made.get("at", ""), "by commit": manifest.made.get("code", "")}
    facts = {"model": manifest.version, **made, "data": str(manifest.facts["data_version"])}
    errors = {"rmse": model.rmse, "of the mean": model.rmse_mean, "skill": 1 - model.rmse / model.rmse_mean}
    numbers = {**errors, **model.coefficients, "(intercept)": model.intercept}
    shown = {**facts, **{name: f"{number:.4g}" for name, number in numbers.items()}}
    rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in shown.items())
    page = PAGE.format(title=report.title, rows=rows)
    print(f"reported: {report.write(page, data_version=facts['data'])}")
    return 0


if __name__ == "__main__":
    sys.exit(run_script(main))

"""Show what monitoring found in the run of this build, and say whether a new training is due.

    python ml_service/pipelines/report_monitoring.py --summary_folder FOLDER

Reads what `run_train_pipeline.py` collected in the folder. Under Azure DevOps signals are warnings and the summary of
the build, and the output variable RETRAIN is true where RETRAIN_ON_SIGNALS or RETRAIN_AFTER_BATCHES ask for a training.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from ml_service.retraining import Monitored
from src.common.agent_commands import log_issue, set_variable, upload_summary
from src.common.console import add_verbose, run_script
from src.common.settings import Settings, every_setting

MOST_WARNINGS = 5


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    parser = ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--summary_folder", type=Path, required=True, metavar="FOLDER", help="where the files lie")
    add_verbose(parser)
    arguments = parser.parse_args(argv)
    settings = every_setting(Settings)
    found = Monitored.read(arguments.summary_folder)
    reason = found.why_retrain(settings)
    print(f"{found.signals} signals, {found.newly_measured} newly measured batches")
    for row in found.rows[:MOST_WARNINGS]:
        place = ", ".join(filter(None, (row["location"], row["product_id"], row["target"])))
        line = f"{place}: {row['kind']}, {row['what']}, since batch {row['since_batch']}: {row['text']}"
        print(f"  warning: {line}")
        log_issue("warning", line)
    print(f"training is due: {reason}" if reason else "no training is due")
    summary = arguments.summary_folder / "monitoring.md"
    summary.write_text(found.summary(reason), encoding="utf-8")
    upload_summary(summary)
    set_variable("RETRAIN", "true" if reason else "false", output=True)
    return 0


if __name__ == "__main__":
    sys.exit(run_script(main))

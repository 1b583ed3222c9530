"""Watch the process: is it still the one that the registered model learnt? Control charts, and distances of inputs.

    python src/monitoring/batchai/batchai_monitoring.py [--fail_on signals]

Reads the registered model in ``outputs/registered_model`` (or ``outputs/model``, where nothing is registered) and the
prepared data; writes what it found to ``outputs/monitoring``; docs/monitoring.md explains it.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if __package__ in (None, ""):  # run by path: imports start at the project's root, not in this folder
    sys.path[0] = str(Path(__file__).resolve().parents[3])

from src.common.agent_commands import log_issue
from src.common.committed_folder import reading, replace_folder
from src.common.console import Stopwatch, add_verbose, run_script
from src.common.settings import Mode, load_settings
from src.settings.batchai.batchai_settings import BatchaiSettings

if TYPE_CHECKING:
    from src.monitoring.batchai.inputs import Inputs
    from src.monitoring.batchai.series import Series
    from src.monitoring.batchai.signals import Finding, Watched

NOTHING, SIGNALS = "nothing", "signals"
SIGNALS_FOUND = 5
"""The exit code with ``--fail_on signals``, where there are some."""
SHOWN = 4
"""So many models with signals are shown; the others stand in ``signals.csv``."""


READS = ()
"""The settings that the script reads, beside those that say where things lie."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    arguments = _arguments(argv)
    settings = load_settings(BatchaiSettings, READS)
    watch = Stopwatch()
    prepared = arguments.prepared_folder or settings.prepared_folder
    model_folder = arguments.model_folder or _model_of(settings.outputs_folder)
    folder = arguments.monitoring_folder or settings.outputs_folder / "monitoring"

    from src.monitoring.batchai import monitoring_tables as tables
    from src.monitoring.batchai.series import newly_measured
    from src.monitoring.batchai.signals import BATCH, FEATURE, Watched, in_training, since_training
    from src.training.batchai.input_space import LEVEL
    from src.training.batchai.model_files import model_version

    series, inputs = _read(prepared, model_folder)
    charted, since = since_training(series)
    excursions, before = in_training(series)
    watched = [
        since,
        before,
        Watched(BATCH, [finding for one in inputs for finding in one.unusual()], hint_below=LEVEL),
        Watched(FEATURE, [finding for one in inputs for finding in one.shifted()]),
    ]
    with replace_folder(folder, kind=tables.KIND) as staged:
        staged.write(tables.SIGNALS, tables.format_signals(watched))
        staged.write(tables.WATCHED, tables.format_watched(watched))
        staged.write(tables.CHARTS, tables.format_charts(series, charted, excursions))
        staged.write(tables.INPUTS, tables.format_inputs(inputs))
        staged.facts.update(model_version=model_version(model_folder))
        new = newly_measured(series)
        found = _print_summary(watched, new=new)
        staged.write_json(tables.OUTCOME, {"signals": len(found), "newly_measured": new})
    print(f"watched in {watch.seconds:.1f} s: {folder / tables.SIGNALS}")
    if settings.mode is Mode.PROD:
        from src.common.azureml_adapter import log_results

        files = [folder / name for name in (tables.SIGNALS, tables.WATCHED, tables.OUTCOME)]
        log_results({"signals": len(found)}, folder="monitoring", files=files)
    return SIGNALS_FOUND if found and arguments.fail_on == SIGNALS else 0


def _arguments(argv: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--prepared_folder", type=Path, help="the prepared data (DATAPREP_OUTPUTS_DIR)")
    parser.add_argument("--model_folder", type=Path, help="the registered model (registered_model/ in OUTPUTS_DIR)")
    parser.add_argument("--monitoring_folder", type=Path, help="where to write (monitoring/ in OUTPUTS_DIR)")
    parser.add_argument(
        "--fail_on",
        choices=(NOTHING, SIGNALS),
        default=NOTHING,
        help=f"signals: end with exit code {SIGNALS_FOUND} where there are signals (default: nothing)",
    )
    add_verbose(parser)
    return parser.parse_args(argv)


def _model_of(outputs: Path) -> Path:
    """The registered model; the trained one where nothing is registered yet."""
    registered = outputs / "registered_model"
    return registered if registered.exists() else outputs / "model"


def _read(prepared: Path, model_folder: Path) -> tuple[list[Series], list[Inputs]]:
    from src.data_preparation.batchai.prepared_data import PreparedFolder
    from src.monitoring.batchai.inputs import inputs_of
    from src.monitoring.batchai.series import series_of
    from src.training.batchai.model import MADE_BY
    from src.training.batchai.model_files import KIND, load_model
    from src.training.batchai.out_of_fold import read_out_of_fold

    with reading(model_folder, kind=KIND, made_by=MADE_BY):
        model, out_of_fold = load_model(model_folder), read_out_of_fold(model_folder)
    series: list[Series] = []
    inputs: list[Inputs] = []
    folder = PreparedFolder.open(prepared)
    for name in folder.locations:
        if name in model.locations:
            data = folder.read(name)
            series += series_of(data, model.locations[name], out_of_fold)
            inputs += inputs_of(data, model.locations[name])
    return series, inputs


def _print_summary(watched: Sequence[Watched], *, new: int) -> list[Finding]:
    """At most ten lines, however many models there are. Returns the signals, the strongest first."""
    from src.monitoring.batchai.signals import SIGNAL_LEVEL

    signals: list[Finding] = []
    for part in watched:
        found = part.judged()
        strong = [one for level, one in found if level == SIGNAL_LEVEL]
        signals += strong
        if part.findings:
            hints = f"{len(found) - len(strong)} hints (a stable process gives {part.expected_hints:.0f})"
            print(f"  {part.kind}: {len(strong)} signals and {hints}, of {len(part.findings)} watched")
    if not new:
        print("  no batch was measured since training")
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for one in sorted(signals, key=lambda one: one.chance):
        groups.setdefault((one.location, one.product_id, one.target, one.kind), []).append(one)
    lines = [_line(part) for part in groups.values()]
    if len(lines) > SHOWN:
        lines[SHOWN:] = [f"{len(lines) - SHOWN} more, in signals.csv"]
    for line in lines:
        print(f"  warning: {line}")
        log_issue("warning", line)
    return signals


def _line(found: Sequence[Finding]) -> str:
    """The strongest of some signals of one kind, and how many others there are."""
    one = found[0]
    others = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    place = ", ".join(filter(None, (one.location, one.product_id, one.target)))
    return f"{place}: {one.kind}, {one.what}, since batch {one.since}: {one.text}{others}"


if __name__ == "__main__":
    sys.exit(run_script(main))

"""What a training run tells people: the skill of each group and target, and what was not trained and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

from src.common.console import format_table
from src.common.settings import Mode

MOST_ROWS = 30
"""What the summary shows at the most; the rest stands in rmse.csv."""
MOST_LEFT_OUT = 4


def hand_over(scores: Sequence[Mapping[str, str]], results: Path, mode: Mode) -> None:
    """Print the rows of ``rmse.csv`` and, in a step of Azure ML, log them to its run.

    Args:
        scores: The rows, by column.
        results: The folder of the results.
        mode: Where this runs.
    """
    print_summary(scores)
    if mode is Mode.PROD:
        tell_azure(scores, results)


def print_summary(scores: Sequence[Mapping[str, str]]) -> None:
    """Print rows of ``rmse.csv``, by column."""
    trained = [row for row in scores if not row["not_trained"]]
    left_out = [
        f"{row['location']}, {row['product_id']}, {row['target']}: {row['not_trained']}"
        for row in scores
        if row["not_trained"]
    ]
    if trained:
        header = ("location", "product_id", "target", "unit", "batches", "rmse", "of the mean", "forward", "skill")
        print(format_table(header, [_shown(row) for row in trained[:MOST_ROWS]]))
        if len(trained) > MOST_ROWS:
            print(f"  ... and {len(trained) - MOST_ROWS} more, in rmse.csv")
    if left_out:
        print(f"  not trained ({len(left_out)}, all in rmse.csv):")
        print("\n".join(f"    {line}" for line in left_out[:MOST_LEFT_OUT]))


def _shown(row: Mapping[str, str]) -> tuple[object, ...]:
    keys = (row["location"], row["product_id"], row["target"], row["unit"])
    errors = (_number(row["rmse"]), _number(row["rmse_mean"]), _number(row["rmse_forward"]))
    return (*keys, int(row["batches"]), *errors, round(float(row["skill"]), 3))


def _number(text: str) -> float:
    return float(text) if text else float("nan")


def tell_azure(scores: Sequence[Mapping[str, str]], results: Path) -> None:
    """Log rows of ``rmse.csv`` to the step's own run in Azure ML, and upload the results to it.

    Args:
        scores: The rows, by column.
        results: The folder of the results.
    """
    from src.common import azureml_adapter

    trained = [row for row in scores if not row["not_trained"]]
    skills = [float(row["skill"]) for row in trained]
    table: dict[str, list[object]] = {
        **{name: [row[name] for row in trained] for name in ("location", "product_id", "target")},
        **{name: [float(row[name]) for row in trained] for name in ("rmse", "rmse_mean", "skill")},
    }
    azureml_adapter.log_results(
        {"models_trained": len(trained), "models_left_out": len(scores) - len(trained)}
        | ({"median_skill": median(skills)} if skills else {}),
        folder="training",
        files=sorted(results.glob("*.csv")),
        tables={"skill": table} if trained else {},
    )

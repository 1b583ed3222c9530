"""What the page shows of one group, as compressed JSON: it is unpacked when a reader opens the group."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from src.common.json_text import to_json
from src.reporting.batchai.findings import Findings, worst_batches
from src.reporting.batchai.profile import LocationProfile
from src.reporting.batchai.rows import Row
from src.reporting.batchai.sources import Errors

REJECTED_SHOWN = 50


def group_payload(findings: Findings, targets: Sequence[Errors], rejected: Sequence[Row]) -> str:
    """Everything about one product at one location.

    Args:
        findings: What the report concludes.
        targets: The targets of the group.
        rejected: The rows and values of the group that preparation left out.

    Returns:
        JSON, compressed with gzip, as base64: a text that is safe inside an HTML element, whatever the ids are.
    """
    watched = findings.sources.watched
    signals = watched.of_inputs(targets[0].location, targets[0].product_id) if watched else []
    spread = findings.sources.values.get((targets[0].location, targets[0].product_id), {})
    document = {
        "location": targets[0].location,
        "product_id": targets[0].product_id,
        "categories": {
            indicator: [category.column, indicator.removeprefix(f"{category.column}="), category.base]
            for category in findings.sources.categories.get(targets[0].location, ())
            for indicator in category.indicators
        },
        "signals": [asdict(signal) for signal in signals],
        "values": {name: vars(values) for name, values in spread.items()},
        "targets": [_target(findings, errors) for errors in targets],
        "rejected": {
            "count": len(rejected),
            "rows": [[row[name] for name in REJECTED_COLUMNS] for row in rejected[:REJECTED_SHOWN]],
        },
    }
    return packed(to_json(document, indent=None).encode())


LINE_FIELDS = 9
"""So many fields of a coefficient belong to a line; the page names them."""


def profile_payload(profile: LocationProfile) -> str:
    """The profile of a location's data, packed like a group."""
    return packed(to_json({"profile": asdict(profile)}, indent=None).encode())


REJECTED_COLUMNS = ("batch_id", "file", "row", "column", "value", "reason")


def packed(content: bytes) -> str:
    """Compress with gzip and encode as base64; the same content gives the same text."""
    return base64.b64encode(gzip.compress(content, 6, mtime=0)).decode("ascii")


def _target(findings: Findings, errors: Errors) -> dict[str, Any]:
    key = errors.key
    batches = findings.batches(key)
    evaluation = findings.sources.evaluation
    compared: Mapping[str, Any] | None = evaluation.rows.get(key) if evaluation else None
    return {
        "errors": {**vars(errors), "rank": findings.rank(key)},
        "coefficients": [line[:LINE_FIELDS] for line in findings.intervals(key) if line.term in ("intercept", "line")],
        "logarithm": (errors.location, errors.target) in findings.sources.logarithms,
        "curves": [asdict(curve) for curve in findings.curves(errors)],
        "pairs": [asdict(pair) for pair in findings.pairs(key)],
        "batches": {
            "ids": [batch.batch_id for batch in batches],
            "measured": [batch.measured for batch in batches],
            "predicted": [batch.predicted for batch in batches],
            "residual": [batch.residual for batch in batches],
        },
        "worst": [batch.order for batch in worst_batches(batches)],
        "evaluation": compared,
        "watched": _watched(findings, errors),
    }


def _watched(findings: Findings, errors: Errors) -> dict[str, Any] | None:
    watched = findings.sources.watched
    if watched is None:
        return None
    charts = watched.charts.get(errors.key, {})
    return {"signals": [asdict(signal) for signal in watched.of(errors.key)], **charts}

"""The CSVs beside the page: every number that it shows stands in one of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields

from src.common.tables import format_csv
from src.data_preparation.batchai.reports import WARNINGS, WARNINGS_HEADER
from src.reporting.batchai.findings import Batch, Findings, Interval, LeftOut, worst_batches
from src.reporting.batchai.profile import PARTS, LocationProfile
from src.reporting.batchai.watched import LIMITED, SUMS, Signal, Watched

KEYS = ("location", "product_id", "target")
SKILL_HEADER = (
    *KEYS,
    *("unit", "batches", "rmse", "rmse_mean", "skill", "rank", "rmse_forward", "rmse_mean_forward"),
    *("alpha", "prior", "not_trained"),
)
DRIFT = tuple(f"drift_{part}" for part in range(1, PARTS + 1))
FEATURE_HEADER = ("location", "feature", "missing", "minimum", "median", "maximum", *DRIFT)
CORRELATION_HEADER = ("location", "feature", "with_feature", "correlation")
SIGNAL_FIELDS = tuple(field.name for field in fields(Signal))
COVERED = ("share", "lower", "upper")
CHART_HEADER = (
    *(*KEYS, "batch_id", "known_to", *SUMS, "residual", *LIMITED, *(f"{name}_limit" for name in LIMITED)),
    *(f"coverage_{name}" for name in COVERED),
)


def report_tables(findings: Findings, summary: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Name and text of each CSV.

    Args:
        findings: What the report concludes.
        summary: The facts at the top of the page by name.
    """
    yield "summary.csv", format_csv(("fact", "value"), summary.items())
    yield "skill.csv", format_csv(SKILL_HEADER, _skill_rows(findings))
    yield "coefficient.csv", format_csv((*KEYS, *Interval._fields), _coefficient_rows(findings))
    yield "out_of_fold.csv", format_csv((*KEYS, *Batch._fields), _batch_rows(findings))
    yield "worst_batches.csv", format_csv((*KEYS, *Batch._fields), _worst_rows(findings))
    yield "left_out.csv", format_csv(LeftOut._fields, findings.left_out)
    yield (
        WARNINGS,
        format_csv(WARNINGS_HEADER, ([row[name] for name in WARNINGS_HEADER] for row in findings.sources.warnings)),
    )
    yield "rejected_reasons.csv", format_csv(("location", "reason", "rows"), findings.rejected_reasons)
    header = ("location", "product_id", "batch_id", "file", "row", "column", "value", "reason")
    yield "rejected.csv", format_csv(header, ([row[name] for name in header] for row in findings.sources.rejected))
    yield "features.csv", format_csv(FEATURE_HEADER, _feature_rows(findings.sources.profiles))
    yield "correlations.csv", format_csv(CORRELATION_HEADER, _correlation_rows(findings.sources.profiles))
    if findings.sources.watched:
        signal_header = ("location", "product_id", *SIGNAL_FIELDS)
        yield "signals.csv", format_csv(signal_header, _signal_rows(findings.sources.watched))
        yield "control_charts.csv", format_csv(CHART_HEADER, _chart_rows(findings.sources.watched))
    if findings.sources.evaluation:
        rows = list(findings.sources.evaluation.rows.values())
        names = list(rows[0]) if rows else KEYS
        yield "evaluation.csv", format_csv(names, ([row[name] for name in names] for row in rows))


def _feature_rows(profiles: Sequence[LocationProfile]) -> Iterator[Sequence[object]]:
    for one in profiles:
        for part in one.features:
            yield (one.location, part.feature, part.missing, part.minimum, part.median, part.maximum, *part.drift)


def _correlation_rows(profiles: Sequence[LocationProfile]) -> Iterator[Sequence[object]]:
    for one in profiles:
        for place, name in enumerate(one.correlated):
            for other, correlation in zip(one.correlated[:place], one.correlations[place], strict=False):
                yield (one.location, name, other, correlation)


def _signal_rows(watched: Watched) -> Iterator[Sequence[object]]:
    for product, signals in watched.signals.items():
        for signal in signals:
            yield (*product, *(getattr(signal, name) for name in SIGNAL_FIELDS))


def _chart_rows(watched: Watched) -> Iterator[Sequence[object]]:
    """The batches of training that are charted, then those since, model by model."""
    for key, charts in watched.charts.items():
        training, since = charts["training"], charts["since"]
        limits = [charts["limits"][name] for name in LIMITED]
        for place, batch_id in enumerate(training["batch_id"]):
            sums = (training[name][place] for name in SUMS)
            yield (*key, batch_id, "training", *sums, *[None] * (1 + 2 * len(LIMITED) + len(COVERED)))
        for place, batch_id in enumerate(since["batch_id"]):
            values = (since[name][place] for name in LIMITED)
            covered = [charts["coverage"][name][place] if charts["coverage"][name] else None for name in COVERED]
            yield (*key, batch_id, "new", None, None, since["residual"][place], *values, *limits, *covered)


def _skill_rows(findings: Findings) -> Iterator[Sequence[object]]:
    for line in findings.sources.errors:
        facts = {**vars(line), "rank": findings.rank(line.key)}
        yield [facts[name] for name in SKILL_HEADER]


def _coefficient_rows(findings: Findings) -> Iterator[Sequence[object]]:
    for line in findings.trained:
        for interval in findings.intervals(line.key):
            yield (*line.key, *interval)


def _batch_rows(findings: Findings) -> Iterator[Sequence[object]]:
    for line in findings.trained:
        for batch in findings.batches(line.key):
            yield (*line.key, *batch)


def _worst_rows(findings: Findings) -> Iterator[Sequence[object]]:
    for line in findings.trained:
        for batch in worst_batches(findings.batches(line.key)):
            yield (*line.key, *batch)

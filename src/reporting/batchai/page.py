"""``report.html``: one file that opens from the disk and asks no network for anything.

The plots are drawn by Plotly.js, which the Python package brings. It needs no `eval` for them (Vega does), and little
else is installed with it (Bokeh brings a web server). Its text lies in the page compressed and inert, and is run when
a reader opens the first group: so neither the first paint nor a reader of the overview waits for it. The Content-
Security-Policy names the page's scripts by their hashes and forbids every other one, and all connections: text from
data can't become code, even if it should not have been escaped.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from src.reporting.batchai.findings import Findings
from src.reporting.batchai.group_payload import group_payload, packed, profile_payload
from src.reporting.batchai.rows import Row
from src.reporting.batchai.sources import Errors
from src.reporting.batchai.watched import Signal, Watched

if TYPE_CHECKING:
    from markupsafe import Markup

HEAD_SCRIPT = "theme.js"
SCRIPTS = (
    "elements.js",
    "numbers.js",
    "unpacking.js",
    "charts.js",
    "terms.js",
    "monitoring.js",
    "profile.js",
    "details.js",
    "overview.js",
    "navigation.js",
)
COMPARISONS_SHOWN = 20
REASONS_SHOWN = 20
SKILL_STEPS = (
    (0.8, "s5", "0.8 and more"),
    (0.6, "s4", "0.6 to 0.8"),
    (0.4, "s3", "0.4 to 0.6"),
    (0.2, "s2", "0.2 to 0.4"),
    (0.0, "s1", "0 to 0.2"),
    (-0.2, "s-1", "−0.2 to 0"),
    (float("-inf"), "s-2", "below −0.2"),
)
"""Lower bound, style and label of the colours of skill. Below zero the mean of training predicts better."""


@dataclass(frozen=True)
class Cell:
    """A cell of the heat map: one target of one group."""

    errors: Errors | None
    style: str
    text: str
    label: str
    link: str


@dataclass(frozen=True)
class IndexRow:
    """A row of the heat map."""

    location: str
    product_id: str
    batches: int
    link: str
    cells: Sequence[Cell]
    signal: Signal | None


def render_page(findings: Findings, summary: Mapping[str, object]) -> str:
    """The page as HTML.

    Args:
        findings: What the report concludes.
        summary: The facts at the top by name.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folder = files("src.reporting.batchai")
    environment = Environment(
        loader=FileSystemLoader(str(folder / "templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=number, exact=exact, raw=raw, skill=skill_text, address=lambda key: link(*key), percent=percent
    )
    scripts = folder / "scripts"
    head_script = (scripts / HEAD_SCRIPT).read_text(encoding="utf-8")
    script = "".join((scripts / name).read_text(encoding="utf-8") for name in SCRIPTS)
    plotly = (files("plotly") / "package_data" / "plotly.min.js").read_text(encoding="utf-8")
    targets = list(dict.fromkeys(errors.target for errors in findings.sources.errors))
    return environment.get_template("report.html.j2").render(
        findings=findings,
        summary=summary,
        evaluation=findings.sources.evaluation,
        watched=findings.sources.watched,
        profiles=findings.sources.profiles,
        comparisons=_comparisons(findings),
        targets=targets,
        rows=[_index_row(group, targets, findings.sources.watched) for group in findings.groups],
        steps=SKILL_STEPS,
        reasons_shown=REASONS_SHOWN,
        style=(folder / "templates" / "report.css").read_text(encoding="utf-8"),
        head_script=head_script,
        script=script,
        policy=_policy(head_script, script, plotly),
        plotly=packed(plotly.encode()),
        payloads=_payloads(findings),
    )


def number(value: float | None, digits: int = 4) -> str:
    """A number for people: four significant digits, a real minus sign, – for an undefined one."""
    if value is None:
        return "–"
    text = f"{value:,}" if isinstance(value, int) else f"{value:.{digits}g}"
    return text.replace("-", "−")


def raw(value: float | None) -> str:
    """A number as it stands in the CSV files, for programs; empty for an undefined one."""
    return "" if value is None else repr(value).removesuffix(".0")


def exact(value: float | None, text: str | None = None) -> Markup:
    """A number for people that carries the one of the CSV files."""
    from markupsafe import Markup

    shown = number(value) if text is None else text
    return Markup('<data value="{}">{}</data>').format(raw(value), shown)


def link(*parts: str) -> str:
    """The address of a group, or of one of its targets, inside the page: any id comes back from it as it was."""
    return "#/" + "/".join(quote(part, safe="") for part in parts)


def percent(share: float) -> str:
    """A share as a percentage, with a decimal where it is small."""
    return f"{100 * share:.{0 if share >= 0.1 or not share else 1}f} %"


def skill_style(skill: float | None) -> str:
    """The style of a cell by its skill."""
    return "none" if skill is None else next(style for lower, style, _ in SKILL_STEPS if skill >= lower)


def _index_row(group: tuple[str, str, list[Errors]], targets: Sequence[str], watched: Watched | None) -> IndexRow:
    location, product, lines = group
    by_target = {errors.target: errors for errors in lines}
    return IndexRow(
        location=location,
        product_id=product,
        batches=max(errors.batches for errors in lines),
        link=link(location, product),
        cells=[_cell(by_target.get(target)) for target in targets],
        signal=next(iter(watched.signals.get((location, product), ())), None) if watched else None,
    )


def _cell(errors: Errors | None) -> Cell:
    if errors is None:
        return Cell(None, "empty", "", "", "")
    text = "not trained" if errors.not_trained else skill_text(errors.skill)
    more = ", skill undefined" if errors.skill is None and not errors.not_trained else ""
    return Cell(
        errors=errors,
        style=skill_style(errors.skill),
        text=text,
        label=f"{errors.location}, {errors.product_id}, {errors.target} {text}{more}",
        link=link(*errors.key),
    )


def skill_text(skill: float | None, decimals: int = 2) -> str:
    """Skill with a given number of decimals; – for an undefined one."""
    return "–" if skill is None else f"{skill:.{decimals}f}".replace("-", "−")


def _comparisons(findings: Findings) -> Sequence[Mapping[str, Any]]:
    """The comparisons with the largest changes of skill, up or down; those of one model alone come last."""
    if findings.sources.evaluation is None:
        return []

    rows = findings.sources.evaluation.rows.values()
    ordered = sorted(rows, key=lambda row: (row["change"] is None, -abs(row["change"] or 0.0)))
    return ordered[:COMPARISONS_SHOWN]


def _payloads(findings: Findings) -> list[tuple[str, str]]:
    rejected: dict[tuple[str, str], list[Row]] = {}
    for row in findings.sources.rejected:
        rejected.setdefault((row["location"], row["product_id"]), []).append(row)
    return [
        (link(location, product), group_payload(findings, lines, rejected.get((location, product), ())))
        for location, product, lines in findings.groups
    ] + [(link(profile.location), profile_payload(profile)) for profile in findings.sources.profiles]


def _policy(*scripts: str) -> str:
    hashes = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts)
    allowed = " ".join(f"'sha256-{text}'" for text in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )

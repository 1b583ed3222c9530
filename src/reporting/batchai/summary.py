"""The facts at the top of the report, the same in ``summary.csv``."""

from __future__ import annotations

from statistics import median

from src.reporting.batchai.findings import Findings
from src.reporting.batchai.rows import rounded
from src.reporting.batchai.sources import Errors


def summarise(findings: Findings, *, commit: str) -> dict[str, object]:
    """Name and value of each fact, in the order of the page.

    Args:
        findings: What the report concludes.
        commit: The commit of the source code; empty where nobody knows.
    """
    sources = findings.sources
    training = sources.training
    skills = [errors.skill for errors in findings.ranked if errors.skill is not None]
    return {
        "model version": sources.model_version,
        "trained at": sources.made.get("at") or "unknown",
        "trained by commit": sources.made.get("code") or "unknown",
        "reported at commit": commit or "unknown",
        "data version": sources.data_version,
        "locations": len({errors.location for errors in sources.errors}),
        "products": len(findings.groups),
        "models trained": len(findings.trained),
        "models with curves": _with_term(findings, "curve"),
        "models with pairs of features": _with_term(findings, "pair"),
        "left out": len(findings.left_out),
        "rows and values rejected": len(sources.rejected),
        "median skill": rounded(median(skills)) if skills else None,
        "models no better than the mean": sum(skill <= 0 for skill in skills),
        **({"signals of monitoring": sources.watched.number} if sources.watched else {}),
        "best": _name(findings.best),
        "worst": _name(findings.worst),
        "method": str(training.get("method", "")),
        "folds": training["folds"],
        "Python": str(training.get("python", "")),
        **{library: str(version) for library, version in training.get("libraries", {}).items()},
        **(_decision(findings) if sources.evaluation else {}),
    }


def _with_term(findings: Findings, term: str) -> int:
    lines = findings.sources.coefficients.values()
    return sum(any(line.term == term for line in part) for part in lines)


def _name(errors: Errors | None) -> str:
    return f"{errors.location}, {errors.product_id}, {errors.target}" if errors else ""


def _decision(findings: Findings) -> dict[str, object]:
    assert findings.sources.evaluation is not None  # noqa: S101 - the caller checked; this tells mypy
    decision = findings.sources.evaluation.decision
    champion = decision.get("champion") or {}
    return {
        "better": decision["better"],
        "reason": decision["reason"],
        "champion": " ".join(str(champion[name]) for name in ("name", "version") if name in champion),
        **{
            f"decision: {name}": decision.get(name)
            for name in ("challenger_skill", "champion_skill", "improvement", "at_least", "min_improvement", "batches")
        },
    }

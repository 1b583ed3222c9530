"""Whether the challenger is better, by one number over all groups, and what that number is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import isfinite
from typing import Any

from src.common.errors import SettingsError, some_of
from src.common.model_registry import RegisteredModel
from src.common.setting_values import GatePolicy
from src.common.tables import format_csv
from src.evaluation.comparison import ComparedOn, Comparison
from src.evaluation.paired_errors import lowest_difference

KIND = "evaluation"
DECISION, TABLE = "decision.json", "evaluation.csv"
HEADER = (
    *("location", "product_id", "target", "compared_on", "batches"),
    *("rmse_champion", "rmse_challenger", "rmse_mean", "skill_champion", "skill_challenger"),
)
ROUNDING = 1e-9
"""Skills that differ by less are equal: sums in another order differ in their last bits."""
CONFIDENCE = 0.9
"""What the gate says holds with this confidence, one-sided."""


@dataclass(frozen=True)
class Rule:
    """What a challenger has to show.

    Attributes:
        policy: `better`, or `fresh`: that is enough, too, for a model that was trained on newer batches.
        min_improvement: By how much the skill of a better one is greater, at the least.
        margin: By how much that of a fresh one may be smaller, at the most.
    """

    policy: GatePolicy = GatePolicy.BETTER
    min_improvement: float = 0.0
    margin: float = 0.0


@dataclass(frozen=True)
class Decision:
    """Whether a model is to be registered.

    Attributes:
        better: Whether it is: better, or fresh where that is enough.
        reason: A sentence for a person.
        champion: Name and version of the registered model; None if there is none.
        challenger_skill: Over all groups and targets, weighted by batches.
        champion_skill: The same.
        at_least: By how much the first is greater at the least, with `CONFIDENCE`.
        min_improvement: By how much it has to be greater.
        batches: The weights' sum.
        policy: The policy.
        margin: By how much a fresh model may be worse.
        newer_batches: How many of `batches` are newer than the champion.
        changes: What has changed in the data since the champion was trained, by location.
    """

    better: bool
    reason: str
    champion: dict[str, Any] | None
    challenger_skill: float
    champion_skill: float
    at_least: float
    min_improvement: float
    batches: int
    policy: GatePolicy
    margin: float
    newer_batches: int
    changes: Mapping[str, Sequence[str]]

    @property
    def improvement(self) -> float:
        """By how much the challenger's skill is greater."""
        return self.challenger_skill - self.champion_skill

    @property
    def needed(self) -> float:
        """What `at_least` has to be above."""
        return -self.margin if self.policy is GatePolicy.FRESH and self.newer_batches else self.min_improvement

    def document(self) -> dict[str, Any]:
        """As ``decision.json`` holds it."""
        return {
            **asdict(self),
            "policy": self.policy.value,
            "improvement": self.improvement,
            "confidence": CONFIDENCE,
        }


def decide(
    comparisons: Sequence[Comparison],
    champion: RegisteredModel | None,
    *,
    rule: Rule,
    changes: Mapping[str, Sequence[str]] | None = None,
) -> Decision:
    """Decide by the skill over all groups and targets, weighted by batches. The first model passes.

    Where an error is too large for a number, nothing is better, not even the first model. That a fresh model is not
    worse by more than a margin is a test of non-inferiority: the lower end of the interval of the difference lies above
    minus the margin (D'Agostino, Massaro & Sullivan, Statistics in Medicine 22 (2003) 169-186).

    Args:
        comparisons: Every product and target that either model knows.
        champion: The registered model; None if there is none.
        rule: What has to be shown. Equal is not better.
        changes: What has changed in the data, by location.
    """
    batches = sum(comparison.batches for comparison in comparisons)
    challenger_skill, champion_skill = (
        sum(part.batches * skill for part, skill in zip(comparisons, skills, strict=True)) / max(1, batches)
        for skills in (
            [part.skill_challenger for part in comparisons],
            [part.skill_champion for part in comparisons],
        )
    )
    improvement = challenger_skill - champion_skill
    decision = Decision(
        better=False,
        reason="",
        champion=None if champion is None else {"name": champion.name, "version": champion.version},
        challenger_skill=challenger_skill,
        champion_skill=champion_skill,
        at_least=lowest_difference(improvement, _parts(comparisons, batches), confidence=CONFIDENCE),
        min_improvement=rule.min_improvement,
        batches=batches,
        policy=rule.policy,
        margin=rule.margin,
        newer_batches=sum(part.batches for part in comparisons if part.compared_on is ComparedOn.NEWER),
        changes=changes or {},
    )
    better = champion is None or decision.at_least > decision.needed + ROUNDING
    computed = all(comparison.computed for comparison in comparisons)
    return replace(decision, better=better and computed, reason=_reason(comparisons, decision))


def _parts(comparisons: Sequence[Comparison], batches: int) -> list[tuple[float, Mapping[str, float]]]:
    """By product what it adds to the improvement, and how much that depends on each of its batches."""
    shares: dict[tuple[str, str], float] = {}
    depends: dict[tuple[str, str], dict[str, float]] = {}
    for part in comparisons:
        weight, product = part.batches / batches, (part.key[0], part.key[1])
        shares[product] = shares.get(product, 0.0) + weight * (part.skill_challenger - part.skill_champion)
        by_batch = depends.setdefault(product, {})
        for batch, value in part.influences.items():
            by_batch[batch] = by_batch.get(batch, 0.0) + weight * value
    return [(shares[product], depends[product]) for product in shares]


def _reason(comparisons: Sequence[Comparison], decision: Decision) -> str:
    broken = [", ".join(part.key) for part in comparisons if not part.computed]
    if broken:
        return (
            f"{len(broken)} errors are too large for a number: {some_of(broken, most=3)}; look for extreme values there"
        )
    if decision.champion is None:
        return f"it is the first model, with a skill of {decision.challenger_skill:.4f} over all groups"
    improvement, at_least = (
        0.0 if abs(value) < ROUNDING else value for value in (decision.improvement, decision.at_least)
    )
    needed = f"needed: more than {decision.needed:g}"
    if decision.policy is GatePolicy.FRESH:
        needed += ", for it knows newer batches" if decision.newer_batches else ", for it knows no newer batches"
    changed = "; ".join(f"{location}: {', '.join(found)}" for location, found in decision.changes.items())
    return (
        f"its skill over all groups is {decision.challenger_skill:.4f}, that of version {decision.champion['version']}"
        f" is {decision.champion_skill:.4f}: {improvement:+.4f}, with {CONFIDENCE:.0%} confidence at least"
        f" {at_least:+.4f}; {needed} ({', '.join(_counted(comparisons))})"
        + (f"; changed since then: {changed}" if changed else "")
    )


def _counted(comparisons: Sequence[Comparison]) -> list[str]:
    """How many parts were compared in which way."""
    counted = [
        f"{count} {what}"
        for kind, what in (
            (ComparedOn.NEWER, "compared on newer batches"),
            (ComparedOn.CROSS_VALIDATED, "cross-validated"),
            (ComparedOn.ONLY_CHALLENGER, "new"),
        )
        if (count := sum(part.compared_on is kind for part in comparisons))
    ]
    gone = ["/".join(part.key) for part in comparisons if part.compared_on is ComparedOn.ONLY_CHAMPION]
    if gone:
        counted.append(f"{len(gone)} lost: {some_of(gone, most=3)}")
    lost = sorted({part.key[:2] for part in comparisons if part.last_batch_lost})
    if lost:
        counted.append(f"its last batch is gone from the data of {some_of('/'.join(key) for key in lost)}")
    return counted


def format_evaluation(comparisons: Sequence[Comparison]) -> str:
    """``evaluation.csv``."""
    return format_csv(
        HEADER,
        [
            (
                *part.key,
                part.compared_on.value,
                part.batches,
                *(value if isfinite(value) else None for value in (part.rmse_champion, part.rmse_challenger)),
                part.rmse_mean if isfinite(part.rmse_mean) else None,
                None if part.compared_on is ComparedOn.FIRST else part.skill_champion,
                part.skill_challenger,
            )
            for part in comparisons
        ],
    )


def check_decision(document: Any) -> tuple[bool, str]:
    """Whether a ``decision.json`` says that the model is better, and why.

    Raises:
        SettingsError: It is none.
    """
    if not isinstance(document, dict) or not isinstance(document.get("better"), bool):
        raise SettingsError("this is no decision of the evaluation", found=document, expected='"better": true or false')
    return document["better"], str(document.get("reason", ""))

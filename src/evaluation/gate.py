"""Whether the challenger is better, by one number over all groups, and what that number is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

from src.common.errors import SettingsError, some_of
from src.common.model_registry import RegisteredModel
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
"""The challenger is better where its skill is greater by enough with this confidence, one-sided."""


@dataclass(frozen=True)
class Decision:
    """Whether a model is to be registered.

    Attributes:
        better: Whether it is.
        reason: A sentence for a person.
        champion: Name and version of the registered model; None if there is none.
        challenger_skill: Over all groups and targets, weighted by batches.
        champion_skill: The same.
        at_least: By how much the first is greater at the least, with `CONFIDENCE`.
        min_improvement: By how much it has to be greater.
        batches: The weights' sum.
    """

    better: bool
    reason: str
    champion: dict[str, Any] | None
    challenger_skill: float
    champion_skill: float
    at_least: float
    min_improvement: float
    batches: int

    @property
    def improvement(self) -> float:
        """By how much the challenger's skill is greater."""
        return self.challenger_skill - self.champion_skill

    def document(self) -> dict[str, Any]:
        """As ``decision.json`` holds it."""
        return {**asdict(self), "improvement": self.improvement, "confidence": CONFIDENCE}


def decide(comparisons: Sequence[Comparison], champion: RegisteredModel | None, *, min_improvement: float) -> Decision:
    """Decide by the skill over all groups and targets, weighted by batches. The first model passes.

    Where an error is too large for a number, nothing is better, not even the first model.

    Args:
        comparisons: Every product and target that either model knows.
        champion: The registered model; None if there is none.
        min_improvement: By how much the skill has to be greater, with `CONFIDENCE`. Equal is not better.
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
    at_least = lowest_difference(improvement, _parts(comparisons, batches), confidence=CONFIDENCE)
    better = champion is None or at_least > min_improvement + ROUNDING
    better = better and all(comparison.computed for comparison in comparisons)
    return Decision(
        better=better,
        reason=_reason(
            comparisons,
            champion,
            challenger_skill=challenger_skill,
            champion_skill=champion_skill,
            at_least=at_least,
            min_improvement=min_improvement,
        ),
        champion=None if champion is None else {"name": champion.name, "version": champion.version},
        challenger_skill=challenger_skill,
        champion_skill=champion_skill,
        at_least=at_least,
        min_improvement=min_improvement,
        batches=batches,
    )


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


def _reason(
    comparisons: Sequence[Comparison],
    champion: RegisteredModel | None,
    *,
    challenger_skill: float,
    champion_skill: float,
    at_least: float,
    min_improvement: float,
) -> str:
    broken = [", ".join(part.key) for part in comparisons if not part.computed]
    if broken:
        return (
            f"{len(broken)} errors are too large for a number: {some_of(broken, most=3)}; look for extreme values there"
        )
    if champion is None:
        return f"it is the first model, with a skill of {challenger_skill:.4f} over all groups"
    counted = [
        f"{count} {what}"
        for kind, what in (
            (ComparedOn.NEWER, "compared on newer batches"),
            (ComparedOn.CROSS_VALIDATED, "cross-validated"),
            (ComparedOn.ONLY_CHALLENGER, "new"),
            (ComparedOn.ONLY_CHAMPION, "lost"),
        )
        if (count := sum(part.compared_on is kind for part in comparisons))
    ]
    lost = sorted({part.key[:2] for part in comparisons if part.last_batch_lost})
    if lost:
        counted.append(f"its last batch is gone from the data of {some_of('/'.join(key) for key in lost)}")
    improvement = challenger_skill - champion_skill
    improvement, at_least = (0.0 if abs(value) < ROUNDING else value for value in (improvement, at_least))
    return (
        f"its skill over all groups is {challenger_skill:.4f}, that of version {champion.version} is "
        f"{champion_skill:.4f}: {improvement:+.4f}, with {CONFIDENCE:.0%} confidence at least {at_least:+.4f}; "
        f"needed: more than {min_improvement:g} ({', '.join(counted)})"
    )


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

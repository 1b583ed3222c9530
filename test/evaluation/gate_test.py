"""The gate, from the errors of two models to one word."""

from __future__ import annotations

import csv
import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.common.errors import SettingsError
from src.common.json_text import from_json, to_json
from src.common.model_registry import RegisteredModel
from src.data_preparation.batchai.prepared_data import PreparedLocation
from src.evaluation.batchai.product_comparisons import Contender, compare
from src.evaluation.comparison import ComparedOn, Comparison
from src.evaluation.gate import HEADER, Decision, Rule, check_decision, decide, format_evaluation
from src.training.batchai.model import LocationModel
from test.faults.promises import NO_BAD_NUMBER
from test.support.contenders import contender, judged

CHAMPION = RegisteredModel("batchai", 7)
NAN = float("nan")


def refuse(location: PreparedLocation) -> LocationModel:
    raise AssertionError(location.location)


def knowing(errors: dict[str, float], *, batches: int = 4) -> Contender:
    """A contender that is wrong by so much for each product, where the mean is wrong by 1."""
    return contender({("plant", product, "y"): judged([error] * batches) for product, error in errors.items()})


def gate(challenger: dict[str, float], champion: dict[str, float], *, min_improvement: float = 0.0) -> Decision:
    return decide(
        compare(knowing(challenger), knowing(champion), [], refuse),
        CHAMPION,
        rule=Rule(min_improvement=min_improvement),
    )


def part(product: str, batches: int, champion: float, challenger: float) -> Comparison:
    """A comparison with these skills."""
    key = ("plant", product, "y")
    return Comparison(key, ComparedOn.CROSS_VALIDATED, batches, 2 * (1 - champion), 2 * (1 - challenger), 2.0)


@pytest.mark.parametrize(
    ("challenger", "champion", "better", "improvement"),
    [
        pytest.param({"A": 0.5}, {"A": 0.5}, False, 0.0, id="equal"),
        pytest.param({"A": 0.4}, {"A": 0.5}, True, 0.1, id="better"),
        pytest.param({"A": 0.6}, {"A": 0.5}, False, -0.1, id="worse"),
        pytest.param({"A": 0.3, "B": 0.6}, {"A": 0.5, "B": 0.5}, True, 0.05, id="better in sum"),
        pytest.param({"A": 0.45, "B": 0.6}, {"A": 0.5, "B": 0.5}, False, -0.025, id="worse in sum"),
        pytest.param({"A": 0.5, "B": 0.8}, {"A": 0.5}, True, 0.1, id="new product with positive skill"),
        pytest.param({"A": 0.5, "B": 1.5}, {"A": 0.5}, False, 0.0, id="new product with negative skill"),
        pytest.param({"A": 0.5}, {"A": 0.5, "B": 0.8}, False, -0.1, id="lost product"),
        pytest.param({"A": 0.5}, {"A": 0.5, "B": 1.5}, False, 0.0, id="lost product that was worse than the mean"),
        pytest.param({"A": 0.2}, {"A": 0.5, "B": 0.8}, True, 0.05, id="lost little, won more"),
        pytest.param({}, {"A": 0.5}, False, -0.5, id="lost everything"),
        pytest.param({"A": 0.5}, {}, True, 0.5, id="champion knows nothing"),
        pytest.param({}, {}, False, 0.0, id="neither knows anything"),
        pytest.param({"A": 1.2}, {"A": 1.4}, True, 0.2, id="both worse than the mean"),
    ],
)
def test_the_gate(challenger: dict[str, float], champion: dict[str, float], better: bool, improvement: float) -> None:
    decision = gate(challenger, champion)
    assert decision.better is better
    assert decision.improvement == pytest.approx(improvement, abs=1e-12)
    assert decision.champion == {"name": "batchai", "version": 7}
    assert decision.batches == 4 * len({*challenger, *champion})
    assert "; needed: more than 0 (" in decision.reason


@pytest.mark.parametrize("errors", [{"A": 0.5}, {"A": 3.0}, {}])
def test_the_first_model_passes(errors: dict[str, float]) -> None:
    decision = decide(compare(knowing(errors), None, [], refuse), None, rule=Rule(min_improvement=1.0))
    assert decision.better
    assert decision.champion is None
    assert decision.reason.startswith("it is the first model, with a skill of ")


@pytest.mark.parametrize(("beyond", "better"), [(0.0, False), (1e-12, False), (1e-6, True), (-1e-6, False)])
@pytest.mark.parametrize("min_improvement", [0.0, 0.01, 0.3])
def test_equal_to_the_least_improvement_is_not_enough(min_improvement: float, beyond: float, better: bool) -> None:
    decision = gate({"A": 0.5 - min_improvement - beyond}, {"A": 0.5}, min_improvement=min_improvement)
    assert decision.better is better
    assert decision.min_improvement == min_improvement


def test_skills_are_weighed_by_batches() -> None:
    parts = [part("A", 10, 0.5, 0.6), part("B", 1, 0.5, -0.3), part("C", 5, 0.1, 0.2)]
    decision = decide(parts, CHAMPION, rule=Rule(min_improvement=0))
    assert decision.champion_skill == pytest.approx((10 * 0.5 + 0.5 + 5 * 0.1) / 16)
    assert decision.challenger_skill == pytest.approx((10 * 0.6 - 0.3 + 5 * 0.2) / 16)
    assert (decision.better, decision.batches) == (True, 16)
    once = [part("A", 1, 0.5, 0.6), part("B", 1, 0.5, -0.3), part("C", 1, 0.1, 0.2)]
    assert not decide(once, CHAMPION, rule=Rule(min_improvement=0)).better


def test_the_reason_says_on_what_it_rests() -> None:
    decision = gate({"A": 0.5, "B": 0.7, "C": 0.9}, {"A": 0.5, "D": 0.9})
    assert decision.reason == (
        "its skill over all groups is 0.2250, that of version 7 is 0.1500: +0.0750, with 90% confidence at least "
        "+0.0750; needed: more than 0 "
        "(1 cross-validated, 2 new, 1 lost: plant/D/y)"
    )


@pytest.mark.fault(NO_BAD_NUMBER)
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("bad", [NAN, math.inf, 1e155, 1e200, 1e308])
def test_an_error_that_is_no_finite_number_is_never_better(bad: float, first: bool) -> None:
    ours, theirs = knowing({"A": 0.1, "B": bad}), knowing({"A": 0.9, "C": 0.5})
    comparisons = compare(ours, None if first else theirs, [], refuse)
    decision = decide(comparisons, None if first else CHAMPION, rule=Rule(min_improvement=0))
    assert not decision.better
    assert decision.reason.startswith("1 errors are too large for a number: plant, B, y;")
    assert check_decision(from_json(to_json(decision.document()))) == (False, decision.reason)


@pytest.mark.fault(NO_BAD_NUMBER)
@pytest.mark.parametrize("bad", [NAN, math.inf, 1e200])
def test_a_champion_whose_errors_are_no_numbers_lets_nothing_pass(bad: float) -> None:
    comparisons = compare(knowing({"A": 0.5}), knowing({"A": bad}), [], refuse)
    decision = decide(comparisons, CHAMPION, rule=Rule(min_improvement=0))
    assert (decision.better, decision.improvement) == (False, 0)
    assert next(csv.reader(format_evaluation(comparisons).splitlines()[1:]))[5:] == ["", "0.5", "1", "-1", "-1"]


NUMBERS = st.floats(0, 1e3, allow_subnormal=False)
ERRORS = st.dictionaries(st.text(min_size=1, max_size=3), st.lists(NUMBERS, min_size=1, max_size=6), max_size=6)


def models_of(errors: dict[str, list[float]]) -> Contender:
    return contender({("plant", product, "y"): judged(values) for product, values in errors.items()})


@settings(deadline=None)
@given(errors=ERRORS, min_improvement=st.floats(0, 1))
def test_a_model_is_never_better_than_itself(errors: dict[str, list[float]], min_improvement: float) -> None:
    comparisons = compare(models_of(errors), models_of(errors), [], refuse)
    decision = decide(comparisons, CHAMPION, rule=Rule(min_improvement=min_improvement))
    assert not decision.better
    assert decision.improvement == 0


@settings(deadline=None)
@given(ours=ERRORS, theirs=ERRORS, chance=st.randoms(use_true_random=False))
def test_the_order_of_the_groups_does_not_matter(
    ours: dict[str, list[float]], theirs: dict[str, list[float]], chance: Random
) -> None:
    def shuffled(errors: dict[str, list[float]]) -> dict[str, list[float]]:
        names = sorted(errors)
        chance.shuffle(names)
        return {name: errors[name] for name in names}

    one = compare(models_of(ours), models_of(theirs), [], refuse)
    other = compare(models_of(shuffled(ours)), models_of(shuffled(theirs)), [], refuse)
    assert format_evaluation(one) == format_evaluation(other)
    first, second = (decide(parts, CHAMPION, rule=Rule(min_improvement=0)) for parts in (one, other[::-1]))
    assert first.challenger_skill == pytest.approx(second.challenger_skill, rel=1e-9, abs=1e-9)
    assert first.champion_skill == pytest.approx(second.champion_skill, rel=1e-9, abs=1e-9)
    assert first.batches == second.batches


def test_the_document_reads_back() -> None:
    decision = gate({"A": 0.4}, {"A": 0.5})
    document = from_json(to_json(decision.document()))
    assert check_decision(document) == (True, decision.reason)
    assert set(document) == {
        *("better", "reason", "champion", "challenger_skill", "champion_skill", "improvement"),
        *("at_least", "confidence", "min_improvement", "batches", "policy", "margin", "newer_batches", "changes"),
    }


@pytest.mark.parametrize("document", [[], {}, {"better": "yes"}, {"better": 1}, None, "better"])
def test_what_is_no_decision_is_refused(document: object) -> None:
    with pytest.raises(SettingsError, match="no decision of the evaluation"):
        check_decision(document)


def test_the_table_has_an_empty_cell_where_nobody_knows() -> None:
    parts = [
        Comparison(("p", "1", "y"), ComparedOn.FIRST, 3, NAN, 0.5, 1.0),
        Comparison(("p", "2", "y"), ComparedOn.ONLY_CHALLENGER, 3, NAN, 0.5, 1.0),
        Comparison(("p", "3", "y"), ComparedOn.ONLY_CHAMPION, 3, 0.25, NAN, 1.0),
    ]
    header, *rows = csv.reader(format_evaluation(parts).splitlines())
    assert tuple(header) == HEADER
    assert [row[3:] for row in rows] == [
        ["first model", "3", "", "0.5", "1", "", "0.5"],
        ["only challenger", "3", "", "0.5", "1", "0", "0.5"],
        ["only champion", "3", "0.25", "", "1", "0.75", "0"],
    ]
    assert math.isnan(parts[0].rmse_champion)

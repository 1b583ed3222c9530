from __future__ import annotations

import csv
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.common.committed_folder import read_manifest, verify_files
from src.common.errors import DataError, IntegrityError
from src.common.made import commit
from src.reporting.batchai import batchai_report
from src.reporting.batchai.page import link, number, skill_style, skill_text
from test.reporting.batchai.conftest import DECISION, HOSTILE
from test.support.report_inputs import MadeGroup, MadeTarget, ReportInputs, write_report_inputs


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def same(shown: str, full: str) -> bool:
    """Whether a cell of the report is one of training with seven significant digits."""
    try:
        return float(shown) == float(f"{float(full):.7g}")
    except ValueError:
        return shown == full


@pytest.mark.parametrize(
    ("name", "source", "columns"),
    [
        ("skill.csv", "model/rmse.csv", ("batches", "rmse", "rmse_mean", "skill", "rmse_forward", "alpha", "prior")),
        ("coefficient.csv", "model/coefficient.csv", ("feature", "coefficient", "error", "standardised")),
        ("out_of_fold.csv", "model/out_of_fold.csv", ("batch_id", "measured", "predicted")),
    ],
)
def test_the_csvs_say_what_training_said(
    sample_report: ReportInputs, name: str, source: str, columns: tuple[str, ...]
) -> None:
    shown, full = rows(sample_report.report / name), rows(sample_report.root / source)
    assert len(shown) == len(full) > 0
    wrong = [
        (line[column], other[column])
        for line, other in zip(shown, full, strict=True)
        for column in ("location", "product_id", "target", *columns)
        if not same(line[column], other[column])
    ]
    assert wrong == []


def test_the_worst_batches_are_rows_of_the_out_of_fold_predictions(sample_report: ReportInputs) -> None:
    every = {tuple(line.values()) for line in rows(sample_report.report / "out_of_fold.csv")}
    worst = rows(sample_report.report / "worst_batches.csv")
    assert len(worst) == 8 * 10
    assert {tuple(line.values()) for line in worst} <= every
    assert all(same(line["residual"], str(float(line["measured"]) - float(line["predicted"]))) for line in worst)


def test_the_report_is_a_committed_folder(made_report: ReportInputs) -> None:
    manifest = read_manifest(made_report.report, kind="report", made_by="")
    verify_files(made_report.report, manifest)
    assert set(manifest.files) == {
        *("report.html", "summary.csv", "skill.csv", "coefficient.csv", "out_of_fold.csv", "worst_batches.csv"),
        *("left_out.csv", "warnings.csv", "rejected_reasons.csv", "rejected.csv", "evaluation.csv"),
        *("features.csv", "correlations.csv"),
    }


def test_the_summary_holds_the_decision(made_report: ReportInputs) -> None:
    facts = {line["fact"]: line["value"] for line in rows(made_report.report / "summary.csv")}
    assert facts["better"] == "False"
    assert facts["reason"] == DECISION["reason"]
    assert facts["champion"] == "batchai 3"
    assert facts["decision: challenger_skill"] == "0.4123457"
    assert facts["models trained"] == "9"
    assert facts["worst"] == "south, P10, </script><script>document.title='run'</script>"


def test_without_evaluation_there_is_no_table_of_it(sample_report: ReportInputs) -> None:
    assert not (sample_report.report / "evaluation.csv").exists()
    assert "there is no evaluation" in sample_report.page.read_text(encoding="utf-8")


def test_an_evaluation_of_another_model_is_not_shown(tmp_path: Path, made_report: ReportInputs) -> None:
    inputs = write_report_inputs(tmp_path, [MadeGroup("l", "p", [MadeTarget("y")])])
    shutil.copytree(made_report.root / "evaluation", tmp_path / "evaluation")
    assert batchai_report.main(inputs.arguments) == 0
    page = inputs.page.read_text(encoding="utf-8")
    assert "the evaluation that lies there is of another model" in page
    assert not (inputs.report / "evaluation.csv").exists()


def test_an_evaluation_that_the_settings_leave_out_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = [MadeGroup("l", "p", [MadeTarget("y")])]
    inputs = write_report_inputs(tmp_path, groups, decision=DECISION)
    monkeypatch.setenv("RUN_EVALUATION", "false")
    assert batchai_report.main(inputs.arguments) == 0
    assert "there is no evaluation" in inputs.page.read_text(encoding="utf-8")


class Tags(HTMLParser):
    """Counts the elements and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs


def test_hostile_texts_add_no_element_and_no_handler(made_report: ReportInputs) -> None:
    tags = Tags()
    tags.feed(made_report.page.read_text(encoding="utf-8"))
    assert tags.names.count("script") == 3 + len(HOSTILE) + 3  # theme, page, Plotly, and one per product
    assert {"img", "b", "iframe", "object"}.isdisjoint(tags.names)
    assert [name for name, _ in tags.attributes if name.startswith("on")] == []
    addresses = [value or "" for name, value in tags.attributes if name in ("href", "src")]
    assert all(value.startswith("#") for value in addresses)


@given(st.lists(st.text(min_size=1).filter(lambda text: text.isprintable()), min_size=2, max_size=3))
def test_the_address_of_a_group_gives_its_ids_back(parts: list[str]) -> None:
    address = link(*parts)
    assert re.fullmatch(r"#/[A-Za-z0-9_.~%/-]+", address)
    assert [unquote(part, errors="strict") for part in address.removeprefix("#/").split("/")] == parts


@pytest.mark.parametrize(
    ("skill", "style", "text"),
    [
        (1.0, "s5", "1.00"),
        (0.8, "s5", "0.80"),
        (0.7999, "s4", "0.80"),
        (0.0, "s1", "0.00"),
        (-0.001, "s-1", "−0.00"),
        (-0.5, "s-2", "−0.50"),
        (-1e9, "s-2", "−1000000000.00"),
        (None, "none", "–"),
    ],
)
def test_the_colour_and_text_of_a_skill(skill: float | None, style: str, text: str) -> None:
    assert (skill_style(skill), skill_text(skill)) == (style, text)


@pytest.mark.parametrize(
    ("value", "text"), [(None, "–"), (1234, "1,234"), (-0.123456, "−0.1235"), (1e-7, "1e−07"), (5.0, "5")]
)
def test_numbers_for_people(value: float | None, text: str) -> None:
    assert number(value) == text


def test_the_commit_of_the_build_comes_before_that_of_the_working_copy() -> None:
    assert commit("abc123") == "abc123"
    assert re.fullmatch(r"([0-9a-f]{40}(, with changes)?)?", commit(""))


def test_when_and_by_what_the_model_was_trained(tmp_path: Path) -> None:
    inputs = write_report_inputs(tmp_path, [MadeGroup("l", "p", [MadeTarget("y")])])
    assert batchai_report.main(inputs.arguments) == 0
    facts = dict(csv.reader((inputs.report / "summary.csv").read_text(encoding="utf-8").splitlines()))
    assert (facts["trained at"], facts["trained by commit"]) == ("2026-11-30T08:00:00Z", "0123abc")


@pytest.mark.parametrize("file", ["model/rmse.csv", "model/out_of_fold.csv", "prepared/rejected.csv"])
def test_a_changed_file_is_refused(tmp_path: Path, file: str) -> None:
    inputs = write_report_inputs(tmp_path, [MadeGroup("l", "p", [MadeTarget("y")])])
    with (tmp_path / file).open("a", encoding="utf-8") as stream:
        stream.write("\n")
    with pytest.raises(IntegrityError, match="not what was written"):
        batchai_report.main(inputs.arguments)


@pytest.mark.parametrize("folder", ["prepared", "model"])
def test_a_missing_folder_is_named(tmp_path: Path, folder: str) -> None:
    inputs = write_report_inputs(tmp_path, [MadeGroup("l", "p", [MadeTarget("y")])])
    shutil.rmtree(tmp_path / folder)
    with pytest.raises(DataError) as caught:
        batchai_report.main(inputs.arguments)
    assert str(tmp_path / folder) in str(caught.value)


def test_a_report_in_its_usual_place_has_a_copy_of_the_page_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    inputs = write_report_inputs(tmp_path, [MadeGroup("l", "p", [MadeTarget("y")])])
    monkeypatch.setenv("OUTPUTS_DIR", str(tmp_path))
    assert batchai_report.main(inputs.arguments) == 0
    copy = tmp_path / "report.html"
    assert copy.read_bytes() == inputs.page.read_bytes()
    assert str(copy) in capsys.readouterr().out
    copy.write_text("edited by hand")
    assert batchai_report.main(inputs.arguments) == 0
    assert copy.read_bytes() == inputs.page.read_bytes()


def test_a_page_that_no_report_wrote_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = write_report_inputs(tmp_path, [MadeGroup("l", "p", [MadeTarget("y")])])
    monkeypatch.setenv("OUTPUTS_DIR", str(tmp_path))
    (tmp_path / "report.html").write_text("the report of somebody else")
    with pytest.raises(DataError, match="a file that no report wrote"):
        batchai_report.main(inputs.arguments)
    assert (tmp_path / "report.html").read_text() == "the report of somebody else"
    assert not inputs.report.exists()


def test_nothing_trained_still_gives_a_report(tmp_path: Path) -> None:
    target = MadeTarget("y", not_trained="3 measured batches, at least 3 are needed")
    inputs = write_report_inputs(tmp_path, [MadeGroup("l", "p", [target])])
    assert batchai_report.main(inputs.arguments) == 0
    page = inputs.page.read_text(encoding="utf-8")
    assert "Nothing was trained" in page
    assert "3 measured batches, at least 3 are needed" in page

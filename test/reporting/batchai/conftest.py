"""Reports that the tests of several modules look at."""

from __future__ import annotations

import pytest

from src.data_preparation.batchai import batchai_datapreparation
from src.reporting.batchai import batchai_report
from src.training.batchai import batchai_training
from test.support.curved_report import write_curved_report
from test.support.report_inputs import MadeGroup, MadeTarget, ReportInputs, write_report_inputs
from test.support.report_page import page, sample_page

__all__ = ["made_report", "page", "sample_page", "sample_report"]

SCRIPT = "</script><script>document.title='run'</script>"
IMAGE = '"><img src=x onerror="document.title=\'run\'">'
LINK = '<a href="javascript:document.title=1">B&amp;'
HOSTILE = (SCRIPT, IMAGE, "it's & <b>bold</b> {{ 7*7 }}", "ünïcødé 日本 %2F..", "--> a/b#c?d", "007")
DECISION = {
    "better": False,
    "reason": "the challenger's error is 2.5 % larger <b>on newer batches</b>",
    "champion": {"name": "batchai", "version": 3},
    "challenger_skill": 0.4123456789,
    "champion_skill": 0.4375,
    "improvement": -0.0251543211,
    "min_improvement": 0.0,
    "batches": 40,
}


@pytest.fixture(scope="session")
def made_report(tmp_path_factory: pytest.TempPathFactory) -> ReportInputs:
    """A report with hostile ids, skills of all kinds, groups without a model, rejections and an evaluation."""
    groups = [
        MadeGroup("north", product, [MadeTarget("purity", noise=0.1 + 0.2 * place)], seed=place, batch_prefix=LINK)
        for place, product in enumerate(HOSTILE, start=1)
    ]
    groups.insert(1, MadeGroup("north", "P9", [MadeTarget("purity", constant=True)]))
    groups += [
        MadeGroup("south", "P10", [MadeTarget("purity", noise=0.7), MadeTarget(SCRIPT, "<kg>", noise=2.0)], seed=21),
        MadeGroup("south", "P2", [MadeTarget("purity", not_trained="8 measured batches, at least 3 are needed")]),
    ]
    rejected = [
        ("north", "007", f"B{row}", "batches.csv", row, "pH", "<7", f"not a number: {IMAGE}") for row in range(60)
    ]
    inputs = write_report_inputs(
        tmp_path_factory.mktemp("made"),
        groups,
        features=("temperature", IMAGE, "a&lt;b"),
        rejected=rejected,
        lost=[("south", "P3", 4, "no batch was kept")],
        decision=DECISION,
        comparisons=[
            ("north", SCRIPT, "purity", "newer batches", 12, 0.5, 0.6, 1.0, 0.5, 0.4),
            ("south", "P10", "purity", "only challenger", 28, None, 0.7, 1.0, None, 0.3),
        ],
    )
    assert batchai_report.main(inputs.arguments) == 0
    return inputs


@pytest.fixture(scope="session")
def curved(tmp_path_factory: pytest.TempPathFactory) -> ReportInputs:
    """The report of a model whose curves, pairs and categories are known."""
    return write_curved_report(tmp_path_factory.mktemp("curved"))


@pytest.fixture(scope="session")
def sample_report(tmp_path_factory: pytest.TempPathFactory) -> ReportInputs:
    """The report of the sample data, prepared and trained as the pipeline does; there is no evaluation."""
    inputs = ReportInputs(tmp_path_factory.mktemp("sample"))
    folders = dict(zip(inputs.arguments[::2], inputs.arguments[1::2], strict=True))

    def given(*names: str) -> list[str]:
        return [text for name in names for text in (name, folders[name])]

    clone = ["--inputs_folder", str(inputs.root / "inputs")]
    assert batchai_datapreparation.main([*given("--prepared_folder"), *clone]) == 0
    export = ["--training_folder", str(inputs.root / "training")]
    assert batchai_training.main([*given("--prepared_folder", "--model_folder"), *export]) == 0
    assert batchai_report.main(inputs.arguments) == 0
    return inputs

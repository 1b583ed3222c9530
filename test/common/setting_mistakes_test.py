"""Mistakes in configuration: each is named, with where it stands, and none passes in silence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from src.common.errors import SettingsError
from src.common.settings import PROJECT_ROOT
from test.faults.promises import NAMED_SETTING
from test.support.settings import load_settings

LINES = {
    # what `.env.local` holds: what is said of it
    "TRAIN_FOLDS: 5": "line 1 (TRAIN_FOLDS) has no = after the name",
    "TRAIN_FOLDS:5": "line 1 (TRAIN_FOLDS) has no = after the name",
    "TRAIN_FOLDS 5": "line 1 (TRAIN_FOLDS) has no =",
    "TRAIN_FOLDS": "line 1 (TRAIN_FOLDS) has no =",
    "TRAIN_FOLDS -> 5": "line 1 (TRAIN_FOLDS) has no =",
    "- TRAIN_FOLDS=5": "line 1 holds no name",
    "set TRAIN_FOLDS=5": "line 1 (TRAIN_FOLDS) can't be read",
    "setx TRAIN_FOLDS 5": "line 1 (TRAIN_FOLDS) has no =",
    "$env:TRAIN_FOLDS=5": "line 1: unknown variable",
    "=5": "line 1 holds no name",
    "[settings]": "line 1",
    "{": "line 1",
    '"TRAIN_FOLDS": 5,': "line 1",
    "# a comment\n\n\nTRAIN_FOLDS: 5": "line 4 (TRAIN_FOLDS)",
    "MODEL_NAME='batchai": "line 1 (MODEL_NAME) has a quote that does not close",
    'MODEL_NAME="batchai': "line 1 (MODEL_NAME) has a quote that does not close",
    'MODEL_NAME="batchai"x': "line 1 (MODEL_NAME) has a quote that does not close, or something after it",
    'MODEL_NAME="a\nTRAIN_FOLDS="5"': "line 1 (MODEL_NAME) has a quote that does not close",
    'RESOURCE_GROUP="a\nWORKSPACE_NAME=b"': "RESOURCE_GROUP is 'a\\nWORKSPACE_NAME=b', expected one line",
    "MODEL_NAME=batchai'": 'MODEL_NAME is "batchai\'"',
    "WORKSPACE_NAME=“plant”": "WORKSPACE_NAME is '“plant”', expected a value without quotes",
    "TRAIN_FOLDS=5\nTRAIN_MIN_BATCHES=30\nTRAIN_FOLDS=6": "line 3: TRAIN_FOLDS stands in line 1 already",
    "TRAIN_FOLDS=5\nTRAIN_FOLDS=5": "line 2: TRAIN_FOLDS stands in line 1 already",
    "export TRAIN_FOLDS=5\nTRAIN_FOLDS=6": "line 2: TRAIN_FOLDS stands in line 1 already",
    "TRAIN_FOLD=5": "line 1: unknown variable TRAIN_FOLD, did you mean 'TRAIN_FOLDS'?",
    "train_folds=5": "line 1: unknown variable train_folds, did you mean 'TRAIN_FOLDS'?",
    "TRAIN-FOLDS=5": "line 1: unknown variable TRAIN-FOLDS, did you mean 'TRAIN_FOLDS'?",
    "TRAIN_EPOCHS=5": "line 1: unknown variable TRAIN_EPOCHS",
    "AZURE_CLIENT_ID=5": "line 1: unknown variable AZURE_CLIENT_ID",
    "FOO=5": "line 1: unknown variable FOO",
    "TRAIN_FOLDS=": "TRAIN_FOLDS is '', expected a whole number from 3 to 20",
    "TRAIN_FOLDS==5": "TRAIN_FOLDS is '=5', expected a whole number",
    "TRAIN_FOLDS=five": "TRAIN_FOLDS is 'five', expected a whole number",
    "TRAIN_FOLDS=5#five": "TRAIN_FOLDS is '5#five', expected a whole number",
    "TRAIN_FOLDS=5;": "TRAIN_FOLDS is '5;', expected a whole number",
    "TRAIN_FOLDS=5,0": "TRAIN_FOLDS is '5,0', expected a whole number",
    "TRAIN_FOLDS=2": "TRAIN_FOLDS is '2', expected a whole number from 3 to 20",
    "TRAIN_FOLDS=½": "TRAIN_FOLDS is '½', expected a whole number",
    "TRAIN_FOLDS=5 TRAIN_THREADS=2": "TRAIN_FOLDS is '5 TRAIN_THREADS=2', expected a whole number",
    "TRAIN_MIN_BATCHES=9": "TRAIN_MIN_BATCHES is '9', expected a whole number from 10",
    "TRAIN_THREADS=-1": "TRAIN_THREADS is '-1', expected a whole number from 0",
    "TRAIN_BACKEND=Dask": "TRAIN_BACKEND is 'Dask', expected local",
    "TRAIN_NODES=0": "TRAIN_NODES is '0', expected a whole number from 1",
    "CLONE_CONNECTIONS=100": "CLONE_CONNECTIONS is '100', expected a whole number from 1 to 64",
    "KEEP_RUNS=0": "KEEP_RUNS is '0', expected a whole number from 1",
    "MIN_IMPROVEMENT=0,05": "MIN_IMPROVEMENT is '0,05', expected a number from 0 to 1",
    "MIN_IMPROVEMENT=5%": "MIN_IMPROVEMENT is '5%', expected a number",
    "MIN_IMPROVEMENT=nan": "MIN_IMPROVEMENT is 'nan', expected a number",
    "RUN_EVALUATION=yes": "RUN_EVALUATION is 'yes', expected true or false",
    "ALLOW_RUN_CANCEL=1": "ALLOW_RUN_CANCEL is '1', expected true or false",
    "AML_PIPELINE_EXEC_MODE=dev": "AML_PIPELINE_EXEC_MODE is 'dev', expected exactly DEV",
    "AML_PIPELINE_EXEC_MODE=PROD # now": None,
    "AML_PIPELINE_EXEC_MODE='DEV '": None,
    "AML_CLUSTER_PRIORITY=low": "AML_CLUSTER_PRIORITY is 'low', expected lowpriority",
    "AML_CLUSTER_IDLE_SECONDS=30": "AML_CLUSTER_IDLE_SECONDS is '30', expected a whole number from 60",
    "MODEL_NAME=batch ai": "MODEL_NAME is 'batch ai', expected a name of 1 to 32 letters",
    "MODEL_NAME=modèle": "MODEL_NAME is 'modèle', expected a name",
    "MODEL_NAME=$(MODEL)": "MODEL_NAME is '$(MODEL)', expected a value: Azure DevOps leaves $(MODEL)",
    "SUBSCRIPTION_ID=$(SUBSCRIPTION_ID)": "Azure DevOps leaves $(SUBSCRIPTION_ID) as it is",
    "SP_APP_SECRET=$(SP_APP_SECRET)": "Azure DevOps leaves $(SP_APP_SECRET) as it is",
    "BATCHAI_INPUT_URL=$(Input.Url)": "Azure DevOps leaves $(Input.Url) as it is",
    "WORKSPACE_NAME=$[variables.ws]": "Azure DevOps leaves $[variables.ws] as it is",
    "WORKSPACE_NAME=${{ variables.ws }}": "Azure DevOps leaves ${{ variables.ws }} as it is",
    "WORKSPACE_NAME=<workspace>": "WORKSPACE_NAME is '<workspace>', expected a value in place of the example",
    "OUTPUTS_DIR=$HOME/out": "OUTPUTS_DIR is '$HOME/out', expected a value in which $NAME",
    "OUTPUTS_DIR=%USERPROFILE%/out": "OUTPUTS_DIR is '%USERPROFILE%/out', expected a value in which $NAME",
    "OUTPUTS_DIR=": "OUTPUTS_DIR is '', expected the path of a folder",
    "OUTPUTS_DIR=README.md": "OUTPUTS_DIR is 'README.md', expected the path of a folder, and",
    "OUTPUTS_DIR=README.md/out": "OUTPUTS_DIR is 'README.md/out', expected the path of a folder, and",
    "DATAPREP_OUTPUTS_DIR=~nobody-has-this-name/x": "DATAPREP_OUTPUTS_DIR is '~nobody-has-this-name/x', expected the",
    f"TRAINING_OUTPUT_DIR={'x' * 300}": "TRAINING_OUTPUT_DIR is 'xxx",
    "BATCHAI_INPUT_URL=": "BATCHAI_INPUT_URL is a value that is not shown, expected a folder, or the https URL",
    "BATCHAI_INPUT_URL=README.md": "it is a file",
    "BATCHAI_INPUT_URL=https//account.blob.core.windows.net/raw": "BATCHAI_INPUT_URL is a value that is not shown",
    "BATCHAI_INPUT_URL=account.blob.core.windows.net/raw": "BATCHAI_INPUT_URL is a value that is not shown",
    "BATCHAI_INPUT_URL=abfss://raw@account.dfs.core.windows.net/": "BATCHAI_INPUT_URL is a value that is not shown",
    "BATCHAI_INPUT_URL=ftp://host/raw": "BATCHAI_INPUT_URL is a value that is not shown",
    "DASK_SCHEDULER=tcp://user:word@host:8786": "DASK_SCHEDULER is a value that is not shown, expected no secret",
    "DASK_SCHEDULER=user:word@host:8786": "DASK_SCHEDULER is a value that is not shown, expected an address",
}
ENVIRONMENT = {
    "TRAIN_FOLD": "unknown variable TRAIN_FOLD, did you mean 'TRAIN_FOLDS'?",
    "TRAIN_EPOCHS": "unknown variable TRAIN_EPOCHS",
    "train_folds": "unknown variable train_folds, did you mean 'TRAIN_FOLDS'?",
    "AML_CLUSTER_MAX_NODE": "unknown variable AML_CLUSTER_MAX_NODE, did you mean 'AML_CLUSTER_MAX_NODES'?",
    "AML_PIPELINE_EXECUTION_MODE": "did you mean 'AML_PIPELINE_EXEC_MODE'?",
    "BATCHAI_INPUT": "unknown variable BATCHAI_INPUT, did you mean 'BATCHAI_INPUT_URL'?",
    "BATCHAI_SOURCE": "unknown variable BATCHAI_SOURCE",
    "DATAPREP_OUTPUT_DIR": "unknown variable DATAPREP_OUTPUT_DIR, did you mean 'DATAPREP_OUTPUTS_DIR'?",
}


def project(root: Path, local: bytes | None = None) -> Path:
    (root / ".env").write_bytes((PROJECT_ROOT / ".env").read_bytes())
    if local is not None:
        (root / ".env.local").write_bytes(local)
    return root


def refusal(root: Path, environment: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(root, environment=environment)
    message = str(caught.value)
    assert len(message.splitlines()) <= 8
    return message


@pytest.mark.fault(NAMED_SETTING)
@pytest.mark.parametrize(("text", "said"), [(text, said) for text, said in LINES.items() if said])
def test_a_mistake_in_a_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    message = refusal(project(tmp_path, text.encode()), {})
    assert said in message
    assert ".env.local" in message


@pytest.mark.fault(NAMED_SETTING)
@pytest.mark.parametrize("text", [text for text, said in LINES.items() if said is None])
def test_what_has_one_meaning_is_taken(tmp_path: Path, text: str) -> None:
    assert load_settings(project(tmp_path, text.encode()), environment={}).mode.value in text


@pytest.mark.fault(NAMED_SETTING)
@pytest.mark.parametrize(("name", "said"), ENVIRONMENT.items())
def test_a_mistake_in_the_environment_is_named(tmp_path: Path, name: str, said: str) -> None:
    message = refusal(project(tmp_path), {name: "a value of my own"})
    assert said in message
    assert "the environment" in message
    assert "of my own" not in message


def _make_folder(path: Path) -> None:
    path.mkdir()


def _make_loop(path: Path) -> None:
    path.symlink_to(path)


def _make_dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def _write(content: bytes) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.write_bytes(content)

    return make


@pytest.mark.fault(NAMED_SETTING)
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (_make_folder, "found:    a folder"),
        (_make_loop, "a link that leads nowhere"),
        (_make_dangling, "a link that leads nowhere"),
        (_write("TRAIN_FOLDS=5\n".encode("utf-16")), "not UTF-8"),
        (_write("TRAIN_FOLDS=5\n".encode("utf-16-le")), "not UTF-8"),
        (_write("OUTPUTS_DIR=Ausgänge\n".encode("cp1252")), "not UTF-8"),
    ],
)
def test_a_file_that_is_none_is_named(tmp_path: Path, make: Callable[[Path], None], said: str) -> None:
    make(project(tmp_path) / ".env.local")
    message = refusal(tmp_path, {})
    assert said in message
    assert ".env.local" in message


def test_an_empty_file_and_comments_are_fine(tmp_path: Path) -> None:
    for content in (b"", b"\xef\xbb\xbf", b"# a comment\r\n\r\n", b"export TRAIN_FOLDS=10 # the default\n"):
        assert load_settings(project(tmp_path, content), environment={}).train_folds == 10

from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from dotenv import dotenv_values

from src.common.env_writing import env_text
from src.common.errors import SettingsError
from src.common.settings import PROJECT_ROOT, STEP_READS, Mode, all_variables
from src.common.settings import load_settings as settings_of_script
from src.settings.batchai.batchai_settings import BatchaiSettings
from src.settings.helloworld.helloworld_settings import HelloworldSettings
from test.support.settings import load_settings

ENV = PROJECT_ROOT / ".env"
SECRET = "c2VjcmV0LXRoYXQtbm9ib2R5LW1heS1zZWU="
OTHERS = (
    *("AML_APP_ROOT", "AML_CONFIG_DIR", "AML_APP_INSIGHTS_ENABLED", "AML_MODEL_DC_STORAGE_ENABLED", "AML_CORS_ORIGINS"),
    *("AML_PARAMETER_epochs", "AML_SETTINGS", "AML_COMPUTE", "AML_DISCOVERY_API_HOST", "AZUREML_RUN_ID"),
    *("AZUREML_DATAREFERENCE_raw", "DataPrep_outputs", "AZ_BATCHAI_JOB_NAME", "BUILD_REASON", "SYSTEM_STAGENAME"),
    *("AZURE_STORAGE_ACCOUNT", "AZURE_CLIENT_ID", "DASK_DISTRIBUTED__COMM", "OUTPUT_DIR", "EDITOR", "AGENT_OS"),
    "BATCH_AI_LOG_FILE",
)
SECRETS = ("AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN", "SP_APP_SECRET")


def defaults() -> dict[str, str]:
    return {name: value or "" for name, value in dotenv_values(ENV, interpolate=False).items()}


def project(root: Path, local: str | None = None) -> Path:
    (root / ".env").write_bytes(ENV.read_bytes())
    if local is not None:
        (root / ".env.local").write_text(local, encoding="utf-8")
    return root


def test_the_defaults_work() -> None:
    settings = BatchaiSettings.from_env(defaults())
    assert settings.mode is Mode.DEV
    assert (PROJECT_ROOT / settings.input_url).is_dir()
    assert settings.prepared_folder == PROJECT_ROOT / "DataPrep_outputs"
    assert settings.train_folds == 10


def test_env_is_what_the_declarations_say() -> None:
    assert ENV.read_text(encoding="utf-8") == env_text(), "run: python dev.py settings"
    assert tuple(defaults()) == all_variables()


def test_a_variable_of_another_model_is_known_and_need_not_be_there() -> None:
    """Removing the last variable of one model from what is read hinders no other model."""
    own = {name: value for name, value in defaults().items() if name in HelloworldSettings.variables()}
    assert "TRAIN_FOLDS" not in own
    assert HelloworldSettings.from_env(own).folds == 10
    with pytest.raises(SettingsError, match=r"missing: .*TRAIN_FOLDS"):
        BatchaiSettings.from_env(own)


def test_the_folders_of_every_model_but_batchai_lie_below_those_of_the_settings(tmp_path: Path) -> None:
    variables = {**defaults(), "OUTPUTS_DIR": str(tmp_path)}
    one, other = BatchaiSettings.from_env(variables), HelloworldSettings.from_env(variables)
    assert (one.outputs_folder, other.outputs_folder) == (tmp_path, tmp_path / "helloworld")
    assert other.prepared_folder == PROJECT_ROOT / "DataPrep_outputs" / "helloworld"
    assert one.registry_folder == other.registry_folder == tmp_path / "registry"


def test_a_script_reads_what_it_declares_and_what_every_script_is_given() -> None:
    settings = settings_of_script(BatchaiSettings, ("train_folds",), environment={})
    assert (settings.train_folds, settings.mode, settings.model_name) == (10, Mode.DEV, "batchai")
    with pytest.raises(SettingsError, match="reads the setting 'train_min_batches', which it does not declare"):
        _ = settings.train_min_batches
    with pytest.raises(AttributeError):
        _ = settings.trian_folds  # type: ignore[attr-defined]


def test_a_declaration_of_what_is_no_setting_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"'train_fold', which is no setting, did you mean 'train_folds'\?"):
        settings_of_script(BatchaiSettings, ("train_fold",), environment={})


def test_what_the_pipeline_did_not_know_of_is_not_read() -> None:
    """Else the step would be skipped when the setting changes, and get the default in Azure ML."""
    known = {STEP_READS: "train_threads"}
    assert settings_of_script(BatchaiSettings, ("train_threads",), environment=known).train_threads == 0
    with pytest.raises(SettingsError, match="the pipeline that runs it does not know it"):
        settings_of_script(BatchaiSettings, ("train_threads", "train_folds"), environment=known)


def test_every_variable_is_explained_in_env() -> None:
    lines = ENV.read_text(encoding="utf-8").splitlines()
    for name in all_variables():
        place = next(i for i, line in enumerate(lines) if line.startswith(f"{name}="))
        while "=" in lines[place] and not lines[place].startswith("#"):  # some share one explanation
            place -= 1
        assert re.match(r"# (?!---)", lines[place]), name


def test_no_secret_is_in_env() -> None:
    assert {defaults()[name] for name in SECRETS} == {""}


def test_the_reference_names_every_variable_and_its_default() -> None:
    chapter = (PROJECT_ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in chapter.splitlines() if line.startswith("| `")]
    named = [name for row in rows for name in re.findall(r"`([A-Z_]+)`", row[1])]
    assert len(named) == len(set(named))
    assert set(named) <= set(all_variables())
    assert set(named) >= {*BatchaiSettings.variables(), *HelloworldSettings.variables()}
    for row in rows:
        shown = re.findall(r"`([^`]+)`", row[2])
        if shown and "see" not in row[2]:
            assert [defaults()[name] for name in re.findall(r"`([A-Z_]+)`", row[1])] == shown


def test_all_that_is_missing_or_wrong_is_reported_together() -> None:
    variables = {**defaults(), "AML_PIPELINE_EXEC_MODE": "TEST", "TRAIN_FOLDS": "1", "BATCHAI_INPUT_URL": " "}
    del variables["CLONE_CONNECTIONS"]
    with pytest.raises(SettingsError) as caught:
        BatchaiSettings.from_env(variables, looked_in=".env, the environment")
    message = str(caught.value)
    assert "AML_PIPELINE_EXEC_MODE is 'TEST', expected exactly DEV (run on this machine) or PROD" in message
    assert "TRAIN_FOLDS is '1', expected a whole number from 3 to 20" in message
    assert "BATCHAI_INPUT_URL is " in message
    assert "expected a folder, or the https URL" in message
    assert "missing: CLONE_CONNECTIONS" in message
    assert "where:    .env, the environment" in message
    assert ".env.local" in message


def test_nothing_is_cut_where_all_is_missing() -> None:
    with pytest.raises(SettingsError) as caught:
        BatchaiSettings.from_env({})
    assert [name for name in BatchaiSettings.variables() if name not in str(caught.value)] == []


def test_a_missing_variable_with_a_near_miss_is_named() -> None:
    variables = defaults()
    variables["TRAIN_FOLD"] = variables.pop("TRAIN_FOLDS")
    with pytest.raises(SettingsError, match=r"missing: TRAIN_FOLDS, did you mean 'TRAIN_FOLD'\?"):
        BatchaiSettings.from_env(variables)


@pytest.mark.parametrize("mode", ["dev", "Prod", "TEST", "", "DEV PROD", "DEVELOPMENT"])
def test_a_mode_is_exactly_dev_or_prod(mode: str) -> None:
    with pytest.raises(SettingsError, match=r"exactly DEV \(run on this machine\) or PROD \(run in Azure ML\)"):
        BatchaiSettings.from_env({**defaults(), "AML_PIPELINE_EXEC_MODE": mode})


def test_white_space_around_a_value_does_not_count() -> None:
    settings = BatchaiSettings.from_env({**defaults(), "AML_PIPELINE_EXEC_MODE": " PROD ", "TRAIN_FOLDS": "5\r"})
    assert (settings.mode, settings.train_folds) == (Mode.PROD, 5)


@pytest.mark.parametrize("number", ["", "five", "5.0", "-5", "1e1", "0x5", "1_0", "21", "99999999999999999999"])
def test_a_number_outside_its_range_is_refused(number: str) -> None:
    with pytest.raises(SettingsError, match=r"TRAIN_FOLDS is .*expected a whole number from 3 to 20"):
        BatchaiSettings.from_env({**defaults(), "TRAIN_FOLDS": number})


@pytest.mark.parametrize("folder", ["", "~nobody-has-this-name/data"])
def test_a_folder_that_can_not_be_one_is_refused(folder: str) -> None:
    with pytest.raises(SettingsError, match=r"OUTPUTS_DIR is .*expected the path of a folder"):
        BatchaiSettings.from_env({**defaults(), "OUTPUTS_DIR": folder})


def test_folders_start_at_the_project_and_may_be_absolute(tmp_path: Path) -> None:
    settings = BatchaiSettings.from_env(
        {**defaults(), "OUTPUTS_DIR": str(tmp_path), "TRAINING_OUTPUT_DIR": "~/results"}
    )
    assert settings.outputs_folder == tmp_path
    assert settings.training_folder == Path.home() / "results"
    assert settings.inputs_folder == PROJECT_ROOT / "DataPrep_inputs"


def test_secrets_never_show() -> None:
    secrets = dict.fromkeys(SECRETS, SECRET)
    url = f"https://account.blob.core.windows.net/exports?sv=2024-11-04&sig={SECRET}"
    settings = BatchaiSettings.from_env({**defaults(), **secrets, "BATCHAI_INPUT_URL": url})
    assert settings.storage_account_key == settings.storage_sas_token == settings.storage_connection_string == SECRET
    assert settings.input_url == url
    for text in (repr(settings), str(settings), f"{settings}", repr([settings]), repr(replace(settings))):
        assert SECRET not in text
    with pytest.raises(SettingsError) as caught:
        BatchaiSettings.from_env({**secrets, "BATCHAI_INPUT_URL": url})
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value)


def test_a_wrong_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """No secret has a form that is checked yet; one that gets a check must stay hidden as well."""

    def refuse(text: str) -> Any:
        raise ValueError("another form")

    item = next(item for item in fields(BatchaiSettings) if item.metadata["variable"] == "AZURE_STORAGE_KEY")
    monkeypatch.setattr(item, "metadata", {**item.metadata, "parse": refuse})
    with pytest.raises(SettingsError) as caught:
        BatchaiSettings.from_env({**defaults(), "AZURE_STORAGE_KEY": SECRET})
    assert "AZURE_STORAGE_KEY is a value that is not shown, expected another form" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_later_sources_win(tmp_path: Path) -> None:
    root = project(tmp_path, "TRAIN_FOLDS=7\nTRAIN_MIN_BATCHES=30\n")
    settings = load_settings(root, environment={"TRAIN_MIN_BATCHES": "40", "PATH": "/bin"})
    assert settings.clone_connections == int(defaults()["CLONE_CONNECTIONS"])
    assert settings.train_folds == 7
    assert settings.train_min_batches == 40


def test_the_process_environment_is_read_when_no_other_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAIN_FOLDS", "3")
    assert load_settings(project(tmp_path, "TRAIN_FOLDS=7\n")).train_folds == 3


def test_an_error_names_the_files_that_were_read(tmp_path: Path) -> None:
    root = project(tmp_path, "TRAIN_FOLDS=many\n")
    with pytest.raises(SettingsError, match=r"where: +\.env, \.env\.local, the environment"):
        load_settings(root, environment={})
    (root / ".env").unlink()
    with pytest.raises(SettingsError, match=r"where: +\.env\.local, the environment"):
        load_settings(root, environment={})


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("TRAIN_FOLD", "TRAIN_FOLDS"),
        ("AZURE_STORAGE_SAS", "AZURE_STORAGE_SAS_TOKEN"),
        ("batchai_input_url", "BATCHAI_INPUT_URL"),
    ],
)
def test_a_near_miss_in_env_local_is_refused_without_its_value(tmp_path: Path, written: str, meant: str) -> None:
    root = project(tmp_path, f"{written}={SECRET}\n")
    with pytest.raises(SettingsError, match=f"unknown variable {written}, did you mean '{meant}'") as caught:
        load_settings(root, environment={})
    assert ".env.local" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_variables_of_other_programs_are_let_be(tmp_path: Path) -> None:
    """What Azure ML's SDK and services, Azure DevOps, Dask and shells set, and the file for what is printed."""
    others = dict.fromkeys(OTHERS, "x")
    assert load_settings(project(tmp_path), environment=others).train_folds == 10


def test_signs_in_a_value_stay_as_they_are(tmp_path: Path) -> None:
    root = project(tmp_path, "AZURE_STORAGE_SAS_TOKEN=sv=2024&sp=r$HOME${PATH}%3D=\n")
    assert load_settings(root, environment={}).storage_sas_token == "sv=2024&sp=r$HOME${PATH}%3D="


def test_a_file_saved_on_windows_is_read(tmp_path: Path) -> None:
    root = project(tmp_path)
    (root / ".env.local").write_bytes("\ufeffTRAIN_FOLDS=7\r\nTRAIN_THREADS=2\r\n".encode())
    settings = load_settings(root, environment={})
    assert (settings.train_folds, settings.train_threads) == (7, 2)


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    root = project(tmp_path)
    (root / ".env.local").write_bytes("OUTPUTS_DIR=Ausgänge\n".encode("cp1252"))
    with pytest.raises(SettingsError, match="not UTF-8") as caught:
        load_settings(root, environment={})
    assert ".env.local" in str(caught.value)

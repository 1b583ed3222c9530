"""What a pipeline needs in the workspace, through the real SDK against the emulator."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aml_emulator.runtime.stack import Stack
from ml_service import workspace as objects
from src.common.azureml_adapter import connect
from src.common.errors import CloudError, SettingsError
from src.common.settings import PROJECT_ROOT, Priority
from src.settings.batchai.batchai_settings import BatchaiSettings


@pytest.fixture
def target(prod: BatchaiSettings) -> Any:
    return connect(prod)


def test_the_cluster_is_made_as_the_settings_say_and_found_again(
    target: Any, prod: BatchaiSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = replace(
        prod,
        cluster_name="made-here",
        cluster_min_nodes=1,
        cluster_max_nodes=3,
        cluster_priority=Priority.LOW,
        cluster_idle_seconds=600,
    )
    assert objects.ensure_cluster(target, settings) == "made-here"
    made = target.compute_targets["made-here"]
    assert (made.vm_priority.lower(), made.vm_size.lower()) == ("lowpriority", "standard_ds3_v2")
    scale = made.scale_settings
    assert (scale.minimum_node_count, scale.maximum_node_count) == (1, 3)
    assert scale.idle_seconds_before_scaledown == 600
    objects.ensure_cluster(target, replace(settings, cluster_max_nodes=9))
    assert "cluster made-here: found" in capsys.readouterr().out
    assert target.compute_targets["made-here"].scale_settings.maximum_node_count == 3


def test_a_cluster_of_more_nodes_at_least_than_at_most_is_refused(target: Any, prod: BatchaiSettings) -> None:
    with pytest.raises(SettingsError, match="minimum of nodes is more than its maximum"):
        objects.ensure_cluster(target, replace(prod, cluster_min_nodes=2, cluster_max_nodes=1))


def test_a_cluster_is_made_for_all_nodes_of_a_step(
    target: Any, prod: BatchaiSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = replace(prod, cluster_name="made-wide", cluster_max_nodes=2)
    objects.ensure_cluster(target, settings, nodes=5)
    assert "cluster made-wide: created, 0 to 5 nodes" in capsys.readouterr().out
    assert target.compute_targets["made-wide"].scale_settings.maximum_node_count == 5
    objects.ensure_cluster(target, settings, nodes=5)


def test_a_cluster_that_is_there_with_too_few_nodes_is_left_as_it_is(target: Any, prod: BatchaiSettings) -> None:
    settings = replace(prod, cluster_name="made-narrow", cluster_max_nodes=2)
    objects.ensure_cluster(target, settings)
    with pytest.raises(SettingsError) as caught:
        objects.ensure_cluster(target, settings, nodes=3)
    assert caught.value.what == "the cluster 'made-narrow' has too few nodes for a step of the pipeline"
    assert caught.value.where == "TRAIN_NODES"
    assert "found:    2 nodes at most" in str(caught.value)
    assert target.compute_targets["made-narrow"].scale_settings.maximum_node_count == 2


def test_the_environment_is_registered_again_only_when_its_requirements_change(
    target: Any, prod: BatchaiSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = replace(prod, environment_name="made-here")
    (tmp_path / "requirements").mkdir()
    for name in objects.REQUIREMENTS:
        (tmp_path / name).write_text(f"# comment\n\n{Path(name).stem}-package==1.0\n")
    first = objects.ensure_environment(target, settings, tmp_path)
    again = objects.ensure_environment(target, settings, tmp_path)
    assert (first.version, again.version) == ("1", "1")
    assert capsys.readouterr().out.splitlines() == [
        "environment made-here: registered, version 1 (new)",
        "environment made-here: found, version 1",
    ]
    packages = list(first.python.conda_dependencies.pip_packages)
    assert packages == ["compute-package==1.0", "steps-package==1.0"]
    (tmp_path / "requirements/compute.txt").write_text("compute-package==1.1\n")
    assert objects.ensure_environment(target, settings, tmp_path).version == "2"
    assert "registered, version 2 (its requirements changed)" in capsys.readouterr().out


def test_every_package_of_the_steps_is_pinned() -> None:
    packages = objects.pinned_packages(PROJECT_ROOT)
    assert {"numpy", "pyarrow", "azureml-core", "azureml-dataset-runtime[fuse]"} <= {
        name.split("==")[0] for name in packages
    }
    assert [name for name in packages if "==" not in name] == []


def test_a_dataset_is_made_of_what_lies_on_the_datastore(
    target: Any, prod: BatchaiSettings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from azureml.core import Dataset

    datastore = objects.get_datastore(target, prod)
    with pytest.raises(SettingsError, match="no dataset 'made_here', and nothing to make it of"):
        objects.ensure_dataset(target, datastore, name="made_here", path="made/here")
    (tmp_path / "plant").mkdir()
    (tmp_path / "plant" / "location.yml").write_text("x")
    Dataset.File.upload_directory(str(tmp_path), (datastore, "made/here"), show_progress=False)
    made = objects.ensure_dataset(target, datastore, name="made_here", path="made/here")
    assert made.to_path() == ["/plant/location.yml"]
    assert objects.ensure_dataset(target, datastore, name="made_here", path="else/where").id == made.id
    assert "dataset made_here: found, version 1" in capsys.readouterr().out


def test_the_version_of_the_content_changes_with_the_content_alone(
    target: Any, prod: BatchaiSettings, tmp_path: Path
) -> None:
    from azureml.core import Dataset

    datastore = objects.get_datastore(target, prod)

    def upload(text: str) -> None:
        (tmp_path / "plant.csv").write_text(text)
        place = (datastore, "versioned/here")
        Dataset.File.upload_directory(str(tmp_path), place, overwrite=True, show_progress=False)

    upload("one")
    dataset = objects.ensure_dataset(target, datastore, name="versioned", path="versioned/here")
    first = objects.content_version(target, dataset)
    assert (
        objects.content_version(target, objects.ensure_dataset(target, datastore, name="versioned", path="")) == first
    )
    upload("two")
    assert objects.content_version(target, dataset) != first
    foreign = Dataset.File.from_files((datastore, "versioned/here/**")).register(target, "foreign")
    assert objects.content_version(target, foreign) != objects.content_version(target, foreign)


def test_a_datastore_that_is_not_there_is_one_sentence(target: Any, prod: BatchaiSettings) -> None:
    with pytest.raises(CloudError, match="the datastore absent can't be used"):
        objects.get_datastore(target, replace(prod, datastore_name="absent"))


@pytest.mark.parametrize(
    ("changes", "fault", "hint"),
    [
        ({"workspace_name": "absent"}, None, "check SUBSCRIPTION_ID, RESOURCE_GROUP and WORKSPACE_NAME"),
        ({"subscription_id": "99999999-2222-3333-4444-555555555555"}, None, "SUBSCRIPTION_ID"),
        ({}, "401 on POST /*/oauth2/v2.0/token once", "TENANT_ID, SP_APP_ID and SP_APP_SECRET"),
        ({}, "403 on GET /subscriptions/** once", "the role Contributor"),
    ],
    ids=["no workspace", "wrong subscription", "wrong secret", "no rights"],
)
def test_a_wrong_setting_is_one_clear_sentence(
    prod: BatchaiSettings, sdk: Stack, changes: dict[str, Any], fault: str | None, hint: str
) -> None:
    if fault is not None:
        sdk.site.faults.add(fault)
    try:
        with pytest.raises(CloudError) as caught:
            connect(replace(prod, **changes))
    finally:
        sdk.site.faults.clear()
    message = str(caught.value)
    assert "can't be used" in message
    assert hint in message
    assert len(message.splitlines()) <= 8
    assert prod.sp_app_secret not in message


def test_half_a_service_principal_is_refused(prod: BatchaiSettings) -> None:
    with pytest.raises(SettingsError, match="the service principal is incomplete: SP_APP_SECRET empty"):
        connect(replace(prod, sp_app_secret=""))

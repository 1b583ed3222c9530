"""Computes, datastores and environments through the SDK."""

from pathlib import Path
from typing import Any

import pytest


def test_a_cluster_is_created_listed_and_deleted(workspace: Any) -> None:
    from azureml.core.compute import AmlCompute, ComputeTarget
    from azureml.exceptions import ComputeTargetException

    with pytest.raises(ComputeTargetException, match="ComputeTargetNotFound"):
        ComputeTarget(workspace, "new-cluster")
    configuration = AmlCompute.provisioning_configuration(
        vm_size="STANDARD_D2_V2", vm_priority="lowpriority", min_nodes=0, max_nodes=3, tags={"team": "a"}
    )
    cluster = ComputeTarget.create(workspace, "new-cluster", configuration)
    cluster.wait_for_completion(show_output=False)
    found = ComputeTarget(workspace, "new-cluster")
    assert found.provisioning_state == "Succeeded"
    assert found.vm_size == "STANDARD_D2_V2"
    assert found.scale_settings.maximum_node_count == 3
    assert found.tags == {"team": "a"}
    assert "new-cluster" in workspace.compute_targets
    found.update(max_nodes=5)
    assert ComputeTarget(workspace, "new-cluster").scale_settings.maximum_node_count == 5
    found.delete()
    assert "new-cluster" not in workspace.compute_targets


def test_the_default_datastore_holds_files(workspace: Any, tmp_path: Path) -> None:
    (tmp_path / "up").mkdir()
    (tmp_path / "up" / "a.txt").write_text("α", encoding="utf-8")
    store = workspace.get_default_datastore()
    store.upload(str(tmp_path / "up"), target_path="resources/files", show_progress=False)
    assert store.download(str(tmp_path / "down"), prefix="resources/files", show_progress=False) == 1
    assert (tmp_path / "down" / "resources" / "files" / "a.txt").read_text(encoding="utf-8") == "α"


def test_a_container_becomes_a_datastore(workspace: Any) -> None:
    from azureml.core import Datastore

    default = workspace.get_default_datastore()
    Datastore.register_azure_blob_container(
        workspace,
        datastore_name="extra",
        container_name="extra-container",
        account_name=default.account_name,
        account_key=default.account_key,
    )
    assert Datastore.get(workspace, "extra").container_name == "extra-container"
    assert sorted(workspace.datastores) == ["extra", "workspaceblobstore"]
    Datastore.get(workspace, "extra").unregister()
    assert sorted(workspace.datastores) == ["workspaceblobstore"]


def test_environments_have_versions(workspace: Any) -> None:
    from azureml.core import Environment

    environment = Environment("tested")
    environment.environment_variables = {"A": "1"}
    assert environment.register(workspace).version == "1"
    assert environment.register(workspace).version == "1"
    environment.environment_variables = {"A": "2"}
    assert environment.register(workspace).version == "2"
    assert Environment.get(workspace, "tested").environment_variables == {"A": "2"}
    assert Environment.get(workspace, "tested", version="1").environment_variables == {"A": "1"}
    assert "tested" in Environment.list(workspace)

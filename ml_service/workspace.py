"""What a pipeline needs in the Azure ML workspace: got, or made where there is none.

Each function says in one line what it found or made.
"""

from __future__ import annotations

import hashlib
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from src.common.azureml_adapter import asking
from src.common.errors import CloudError, SettingsError
from src.common.settings import PROJECT_ROOT, Settings

if TYPE_CHECKING:
    from azureml.core import Dataset, Datastore, Environment, Workspace
    from azureml.core.compute import ComputeTarget

PYTHON_VERSION = "3.11"
DATASTORE, PATH = "datastore", "path"
"""Tags of a dataset that was made here: what it was made of."""
REQUIREMENTS = ("requirements/compute.txt", "requirements/steps.txt")
"""What the steps need: the libraries of the scripts, and what connects them with Azure ML."""


def ensure_cluster(workspace: Workspace, settings: Settings, *, nodes: int = 1) -> str:
    """Get or create the compute cluster.

    Args:
        workspace: The workspace.
        settings: What it is called, and what it is when it has to be made.
        nodes: How many nodes a step needs at the same time. A cluster that is made may have as many; one that is
            there is left as it is.

    Returns:
        Its name.

    Raises:
        SettingsError: The minimum of nodes is more than the maximum, or the cluster that is there has too few.
        CloudError: It can't be created, or the name belongs to another kind of compute.
    """
    from azureml.core.compute import AmlCompute, ComputeTarget
    from azureml.exceptions import ComputeTargetException

    name = settings.cluster_name
    if settings.cluster_min_nodes > settings.cluster_max_nodes:
        raise SettingsError(
            "the cluster's minimum of nodes is more than its maximum",
            where="AML_CLUSTER_MIN_NODES, AML_CLUSTER_MAX_NODES",
            found=f"{settings.cluster_min_nodes} and {settings.cluster_max_nodes}",
        )
    with asking(f"the cluster {name!r} can't be used", where=workspace.name):
        try:
            cluster = ComputeTarget(workspace, name)
            _refuse_too_small(cluster, nodes)
            print(f"cluster {name}: found, {cluster.type}", flush=True)
        except ComputeTargetException as error:
            if "ComputeTargetNotFound" not in str(error):
                raise
            most = max(settings.cluster_max_nodes, nodes)
            wanted = AmlCompute.provisioning_configuration(
                vm_size=settings.cluster_vm_size,
                vm_priority=settings.cluster_priority.value,
                min_nodes=settings.cluster_min_nodes,
                max_nodes=most,
                idle_seconds_before_scaledown=settings.cluster_idle_seconds,
            )
            cluster = ComputeTarget.create(workspace, name, wanted)
            # AmlCompute's own method would wait for the nodes, too: a run waits for its node, this need not
            super(AmlCompute, cluster).wait_for_completion(show_output=False)
            if cluster.provisioning_state != "Succeeded":
                raise CloudError(
                    f"the cluster {name!r} can't be created",
                    where=workspace.name,
                    found=cluster.provisioning_errors or cluster.provisioning_state,
                    hint="check AML_COMPUTE_CLUSTER_CPU_SKU and the quota of the subscription",
                ) from error
            print(f"cluster {name}: created, {settings.cluster_min_nodes} to {most} nodes")
    return name


def _refuse_too_small(cluster: ComputeTarget, nodes: int) -> None:
    """A step that waits for more nodes than its cluster may have would wait for ever."""
    scale = getattr(cluster, "scale_settings", None)
    if scale is not None and scale.maximum_node_count < nodes:
        raise SettingsError(
            f"the cluster {cluster.name!r} has too few nodes for a step of the pipeline",
            where="TRAIN_NODES",
            found=f"{scale.maximum_node_count} nodes at most",
            expected=f"at least {nodes}",
            hint="lower TRAIN_NODES, or raise the cluster's maximum in Azure ML studio",
        )


def ensure_environment(workspace: Workspace, settings: Settings, root: Path = PROJECT_ROOT) -> Environment:
    """Get the environment of the steps, or register it (again) when the requirements changed.

    Raises:
        CloudError: It can't be registered.
    """
    from azureml.core import Environment
    from azureml.core.conda_dependencies import CondaDependencies

    name = settings.environment_name
    wanted = Environment(name)
    wanted.python.conda_dependencies = CondaDependencies.create(
        python_version=PYTHON_VERSION, pip_packages=pinned_packages(root), pin_sdk_version=False
    )
    with asking(f"the environment {name!r} can't be registered", where=workspace.name):
        known = next((item for item in Environment.list(workspace).values() if item.name == name), None)
        if known is not None and _definition(known) == _definition(wanted):
            print(f"environment {name}: found, version {known.version}", flush=True)
            return known
        registered = wanted.register(workspace)
    why = "new" if known is None else "its requirements changed"
    print(f"environment {name}: registered, version {registered.version} ({why})", flush=True)
    return registered


def pinned_packages(root: Path) -> list[str]:
    """The packages of the steps, each pinned to a version."""
    lines = [line.strip() for file in REQUIREMENTS for line in (root / file).read_text(encoding="utf-8").splitlines()]
    return sorted({line for line in lines if line and not line.startswith("#")})


def content_version(workspace: Workspace, dataset: Dataset) -> str:
    """What names the content of a dataset: the names, sizes and ETags of its blobs.

    A dataset that somebody else made, or that lies elsewhere than in blobs, gets a new name each time.

    Raises:
        CloudError: The blobs can't be listed.
    """
    from azureml.core import Datastore

    place = dataset.tags or {}
    with asking(f"the files of the dataset {dataset.name!r} can't be listed", where=place.get(PATH)):
        datastore = Datastore.get(workspace, place[DATASTORE]) if DATASTORE in place else None
        if datastore is None or not hasattr(datastore, "blob_service"):
            return uuid4().hex[:12]
        container = datastore.blob_service.get_container_client(datastore.container_name)
        listed = sorted((blob.name, blob.size, blob.etag) for blob in container.list_blobs(f"{place[PATH]}/"))
    return hashlib.sha256(repr(listed).encode()).hexdigest()[:12]


def _holds_files(files: Dataset) -> bool:
    from azureml.dataprep import ExecutionError

    try:
        with redirect_stdout(StringIO()):  # it prints what it does
            return bool(files.take(1).to_path())
    except ExecutionError as error:
        if "NotFound" not in str(error):
            raise
        return False


def _definition(environment: Environment) -> object:
    """The packages, without the comments that get lost on the way to the workspace and back."""
    import yaml

    dependencies = environment.python.conda_dependencies
    return None if dependencies is None else yaml.safe_load(dependencies.serialize_to_string())


def get_datastore(workspace: Workspace, settings: Settings) -> Datastore:
    """The datastore that the settings name; the workspace's default one where they name none.

    Raises:
        CloudError: There is no such datastore.
    """
    from azureml.core import Datastore

    name = settings.datastore_name
    with asking(f"the datastore {name or '(default)'} can't be used", where=workspace.name):
        return Datastore.get(workspace, name) if name else workspace.get_default_datastore()


def ensure_dataset(workspace: Workspace, datastore: Datastore, *, name: str, path: str) -> Dataset:
    """Get the newest version of a dataset, or register what lies at a path of the datastore.

    Args:
        workspace: The workspace.
        datastore: Where the data lies, if there is no such dataset yet.
        name: The name of the dataset.
        path: The path on the datastore.

    Raises:
        SettingsError: There is no such dataset, and nothing lies at that path.
        CloudError: It can't be asked for, or registered.
    """
    from azureml.core import Dataset

    with asking(f"the dataset {name!r} can't be registered", where=workspace.name):
        # asking the mapping itself for a name would log a failed request
        if name in [known.name for known in Dataset.get_all(workspace).registrations]:
            found = Dataset.get_by_name(workspace, name)
            print(f"dataset {name}: found, version {found.version}", flush=True)
            return found
        files = Dataset.File.from_files((datastore, f"{path.strip('/')}/**"), validate=False)
        if not _holds_files(files):
            raise SettingsError(
                f"there is no dataset {name!r}, and nothing to make it of",
                where=f"datastore {datastore.name}, path {path}",
                expected="one folder per location, with its location.yml and CSV exports",
                hint="upload the raw exports there, or correct INPUT_DATASET_NAME, INPUT_DATASET_PATH, DATASTORE_NAME",
            )
        tags = {DATASTORE: datastore.name, PATH: path.strip("/")}
        registered = files.register(workspace, name, tags=tags, create_new_version=True)
    print(f"dataset {name}: registered, version {registered.version}, from {datastore.name}:{path}", flush=True)
    return registered

"""The settings of the platform, which every model has. A model's own: ``src/settings/<model>/<model>_settings.py``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from src.common import setting_values
from src.common.setting_declaration import DeclaredSettings, setting
from src.common.setting_values import GatePolicy, Mode, Priority


@dataclass(frozen=True)
class Settings(DeclaredSettings):
    """The settings of the platform, checked; a model's class adds its own."""

    mode: Mode = setting(
        "AML_PIPELINE_EXEC_MODE",
        setting_values.choice(Mode, "exactly DEV (run on this machine) or PROD (run in Azure ML)"),
        default="DEV",
        given=True,
        meaning="Where pipelines run: DEV = on this machine, PROD = in Azure ML.",
    )
    storage_connection_string: str = setting(
        "AZURE_STORAGE_CONNECTION_STRING",
        str,
        secret=True,
        given=True,
        section="The blob container with the raw exports",
        meaning="""
            How to sign in to it: the first of these that is not empty; when all are, the identity of this machine
            (azure-identity's DefaultAzureCredential: environment, managed identity, Azure CLI, …). Keep them in
            .env.local.""",
    )
    storage_account_key: str = setting("AZURE_STORAGE_KEY", str, secret=True, given=True)
    storage_sas_token: str = setting("AZURE_STORAGE_SAS_TOKEN", str, secret=True, given=True)
    clone_connections: int = setting(
        "CLONE_CONNECTIONS",
        setting_values.whole_number(1, 64),
        default="8",
        tuning=True,
        meaning="How many blobs are downloaded at the same time (1 to 64).",
    )
    inputs_folder: Path = setting(
        "DATAPREP_INPUTS_DIR",
        setting_values.folder,
        default="DataPrep_inputs",
        given=True,
        section="Folders",
        meaning="""
            The folders of batchai; every other model has one of its name in each.
            The local copy of the raw exports. It only mirrors them: what they lose is deleted here, too; a file that
            came from elsewhere is refused.""",
    )
    prepared_folder: Path = setting(
        "DATAPREP_OUTPUTS_DIR",
        setting_values.folder,
        default="DataPrep_outputs",
        given=True,
        meaning="Prepared data: data.csv, target.csv and pending.csv per location and product.",
    )
    training_folder: Path = setting(
        "TRAINING_OUTPUT_DIR",
        setting_values.folder,
        default="Training_Output",
        given=True,
        meaning="What training found: coefficient.csv and rmse.csv.",
    )
    outputs_folder: Path = setting(
        "OUTPUTS_DIR",
        setting_values.folder,
        default="outputs",
        given=True,
        meaning="The model (model/) and the predictions.",
    )
    run_evaluation: bool = setting(
        "RUN_EVALUATION",
        setting_values.switch,
        default="true",
        section="Evaluation and registration",
        meaning="Whether a new model is compared with the registered one; false registers every model.",
    )
    gate_policy: GatePolicy = setting(
        "GATE_POLICY",
        setting_values.choice(GatePolicy, "better (than the registered model), or fresh (newer, and not worse)"),
        default="better",
        meaning="""
            What a new model has to show: better (its skill over all products is greater), or fresh (it was trained on
            newer batches, and its skill is not smaller by more than FRESH_MARGIN). Both with 90 % confidence; see
            docs/evaluation.md.""",
    )
    min_improvement: float = setting(
        "MIN_IMPROVEMENT",
        setting_values.number(0, 1),
        default="0",
        meaning="By how much the skill of a better model has to be greater (0 to 1).",
    )
    fresh_margin: float = setting(
        "FRESH_MARGIN",
        setting_values.number(0, 1),
        default="0.02",
        meaning="By how much the skill of a fresh model may be smaller (0 to 1).",
    )
    allow_run_cancel: bool = setting(
        "ALLOW_RUN_CANCEL",
        setting_values.switch,
        default="false",
        meaning="""
            Whether a pipeline run in Azure ML whose model is not better is cancelled at once. That saves the compute of
            what is left, and gives up the predictions of the registered model and the report of this run. false: the
            run goes on to its end.""",
    )
    retrain_on_signals: bool = setting(
        "RETRAIN_ON_SIGNALS",
        setting_values.switch,
        default="false",
        section="Monitoring",
        meaning="Whether the inference pipeline in Azure DevOps starts training when monitoring found a signal.",
    )
    retrain_after_batches: int = setting(
        "RETRAIN_AFTER_BATCHES",
        setting_values.whole_number(0, 1_000_000),
        default="0",
        meaning="""
            Whether it does when so many batches were measured since the registered model was trained; 0: never.""",
    )
    model_dir: str = setting(
        "AZUREML_MODEL_DIR",
        str,
        given=True,
        section="Web service",
        meaning="""
            The folder of the model that src/inference/<model>/score.py serves; empty: model/ in OUTPUTS_DIR. Azure ML
            sets it.""",
    )
    keep_runs: int = setting(
        "KEEP_RUNS",
        setting_values.whole_number(1, 10_000),
        default="20",
        section="Runs on this machine",
        meaning="How many of the last runs are kept in outputs/runs/.",
    )
    build_id: str = setting(
        "BUILD_BUILDID",
        str,
        section="The build",
        meaning="Azure DevOps sets these three; the first is the version of the published pipeline.",
    )
    build_uri: str = setting("BUILD_BUILDURI", str)
    source_version: str = setting("BUILD_SOURCEVERSION", str)
    subscription_id: str = setting(
        "SUBSCRIPTION_ID", str, given=True, section="Azure ML (PROD)", meaning="The workspace."
    )
    resource_group: str = setting("RESOURCE_GROUP", str, given=True)
    workspace_name: str = setting("WORKSPACE_NAME", str, given=True)
    tenant_id: str = setting(
        "TENANT_ID",
        str,
        given=True,
        meaning="""
            The service principal that signs in. All empty: the identity of this machine (DefaultAzureCredential: Azure
            CLI, managed or workload identity, …). SP_APP_SECRET is a secret: .env.local, or a secret variable of the
            build.""",
    )
    sp_app_id: str = setting("SP_APP_ID", str, given=True)
    sp_app_secret: str = setting("SP_APP_SECRET", str, given=True, secret=True)
    keep_published: int = setting(
        "KEEP_PUBLISHED",
        setting_values.whole_number(1, 10_000),
        default="10",
        meaning="""
            How many pipelines that builds published stay active under a name; older ones are disabled, but never one
            that runs.""",
    )
    cluster_name: str = setting(
        "AML_COMPUTE_CLUSTER_NAME",
        setting_values.name,
        default="cpu-cluster",
        meaning="""
            The cluster: made when there is none of this name. Priority: lowpriority (cheap, may be taken away) or
            dedicated.""",
    )
    cluster_vm_size: str = setting("AML_COMPUTE_CLUSTER_CPU_SKU", setting_values.name, default="Standard_DS3_v2")
    cluster_min_nodes: int = setting("AML_CLUSTER_MIN_NODES", setting_values.whole_number(0, 1000), default="0")
    cluster_max_nodes: int = setting("AML_CLUSTER_MAX_NODES", setting_values.whole_number(1, 1000), default="4")
    cluster_priority: Priority = setting(
        "AML_CLUSTER_PRIORITY",
        setting_values.choice(Priority, "lowpriority (cheap, may be taken away) or dedicated"),
        default="dedicated",
    )
    cluster_idle_seconds: int = setting(
        "AML_CLUSTER_IDLE_SECONDS",
        setting_values.whole_number(60, 86_400),
        default="1800",
        meaning="A node without work for so long is given back.",
    )
    environment_name: str = setting(
        "AML_ENV_NAME",
        setting_values.name,
        default="batch-ai",
        meaning="The environment of the steps, made from requirements/compute.txt and again when that file changes.",
    )
    datastore_name: str = setting(
        "DATASTORE_NAME", str, meaning="The datastore with the data; empty: the workspace's default."
    )

    if TYPE_CHECKING:
        model_name: str = setting("", str)
        """The name under which the model is registered. Each model declares it, under a variable of its own."""

    @property
    def experiment(self) -> str:
        """The experiment that holds the runs in Azure ML."""
        return self.model_name

    @property
    def training_pipeline(self) -> str:
        """The name under which the training pipeline is published."""
        return f"{self.model_name}-training"

    @property
    def inference_pipeline(self) -> str:
        """The name under which the inference pipeline is published."""
        return f"{self.model_name}-inference"

    @property
    def registry_folder(self) -> Path:
        """The model registry of DEV, the same for every model."""
        return (self.outputs_folder.parent if self.folder_below() else self.outputs_folder) / "registry"

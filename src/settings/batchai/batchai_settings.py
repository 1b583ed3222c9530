"""The variables of batchai. What stands here is what `python dev.py settings` writes into ``.env``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from src.common.platform_settings import Settings
from src.common.redaction import looks_secret
from src.common.setting_declaration import setting
from src.common.setting_values import HiddenValueError, choice, name, source, whole_number


class Backend(str, Enum):
    """Where training computes: in its own process, or on a Dask cluster."""

    LOCAL = "local"
    DASK = "dask"


class Terms(str, Enum):
    """What a model may consist of: lines; lines and curves; lines, curves and products of two features."""

    LINEAR = "linear"
    CURVES = "curves"
    PAIRS = "pairs"


def address(text: str) -> str:
    """The address of a Dask scheduler."""
    if looks_secret(text) or "@" in text:
        raise HiddenValueError("an address such as tcp://127.0.0.1:8786, without a name or password")
    return text


@dataclass(frozen=True)
class BatchaiSettings(Settings):
    """The settings of batchai, checked. Its results lie where they lay when it was the only model."""

    model = "batchai"
    below = ""
    prefixes = ("TRAIN_",)

    input_url: str = setting(
        "BATCHAI_INPUT_URL",
        source,
        default="sample_data/batchai",
        given=True,
        secret=True,  # its query may be a SAS token
        section="batchai: where the raw exports come from",
        meaning="""
            A folder with one folder per location, or the URL of an Azure blob container, with or without a prefix:
            https://<account>.blob.core.windows.net/<container>/<prefix>
            (a URL that ends with a SAS token, ?sv=…&sig=…, is a secret: it belongs into .env.local)""",
    )
    database_url: str = setting(
        "BATCHAI_DATABASE_URL",
        str,
        secret=True,
        meaning="""
            The database that batchai_query.py asks for the tables with a query in location.yml, as SQLAlchemy names it:
            postgresql+psycopg://<user>:<password>@<host>/<database>, sqlite:///<file>. With a password it belongs into
            .env.local.""",
    )
    train_folds: int = setting(
        "TRAIN_FOLDS",
        whole_number(3, 20),
        default="10",
        section="batchai: training",
        meaning="Folds of the cross-validation (3 to 20).",
    )
    train_min_batches: int = setting(
        "TRAIN_MIN_BATCHES",
        whole_number(10, 1_000_000),
        default="20",
        meaning="""
            A product with fewer measured batches than this (10 or more) gets no coefficients of its own: it takes what
            the location's other products say, with its own level.""",
    )
    train_terms: Terms = setting(
        "TRAIN_TERMS",
        choice(Terms, "linear, curves or pairs (curves, and products of two features)"),
        default="curves",
        meaning="""
            What models may consist of, where location.yml doesn't say (terms): linear = lines; curves = lines and
            curves of single features; pairs = these, and products of two features. How much of it the data support is
            found out in any case.""",
    )
    train_threads: int = setting(
        "TRAIN_THREADS",
        whole_number(0, 256),
        default="0",
        tuning=True,
        meaning="""
            Threads that train at the same time; 0 takes one per core. The results do not depend on it. With
            TRAIN_BACKEND=dask it is the number of worker processes on this machine; a cluster that DASK_SCHEDULER names
            has its own.""",
    )
    train_backend: Backend = setting(
        "TRAIN_BACKEND",
        choice(Backend, "local (in this process) or dask (on a Dask cluster)"),
        default="local",
        tuning=True,
        meaning="""
            Where training computes: local = in its own process; dask = a location, or a part of a large one, per task
            of a Dask cluster (pip install -r requirements/dask.txt). The results do not depend on it. PROD refuses
            dask.""",
    )
    dask_scheduler: str = setting(
        "DASK_SCHEDULER",
        address,
        tuning=True,
        meaning="""
            The scheduler of that cluster, such as tcp://127.0.0.1:8786; empty starts worker processes on this
            machine.""",
    )
    train_nodes: int = setting(
        "TRAIN_NODES",
        whole_number(1, 1000),
        default="1",
        meaning="""
            Nodes of the cluster that train at the same time in Azure ML; 1 trains in one step on one node. With more,
            training is four steps (plan, sum, fit, train), with the same results. DEV then runs the four one after the
            other on this machine.""",
    )
    model_name: str = setting(
        "MODEL_NAME",
        name,
        default="batchai",
        given=True,
        section="batchai: names in the registry and in the workspace",
        meaning="The name under which the model is registered.",
    )
    experiment_name: str = setting(
        "EXPERIMENT_NAME", name, default="batchai", meaning="The experiment that holds the runs."
    )
    training_pipeline_name: str = setting(
        "TRAINING_PIPELINE_NAME",
        name,
        default="batchai-training",
        meaning="The names under which the pipelines are published.",
    )
    inference_pipeline_name: str = setting("INFERENCE_PIPELINE_NAME", name, default="batchai-inference")
    input_dataset_name: str = setting(
        "INPUT_DATASET_NAME",
        name,
        default="batchai_raw",
        meaning="The raw exports: a dataset, made of this path on the datastore when there is none of this name.",
    )
    input_dataset_path: str = setting("INPUT_DATASET_PATH", str, default="batchai/raw")
    prepared_dataset_name: str = setting(
        "PREPARED_DATASET_NAME",
        name,
        default="batchai_prepared",
        meaning="The name under which prepared data is registered.",
    )

    @property
    def experiment(self) -> str:
        """The experiment that holds the runs in Azure ML."""
        return self.experiment_name

    @property
    def training_pipeline(self) -> str:
        """The name under which the training pipeline is published."""
        return self.training_pipeline_name

    @property
    def inference_pipeline(self) -> str:
        """The name under which the inference pipeline is published."""
        return self.inference_pipeline_name


SETTINGS = BatchaiSettings

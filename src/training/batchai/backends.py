"""Where the locations of a training run are fitted: in this process, or on a Dask cluster.

The unit of work is a location: its groups need each other's sums. Each location gives the same fits, to the last bit,
wherever it is fitted, because neither threads nor neighbours change a result (see `grouped_ridge`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from src.common.errors import CloudError, DataError, SettingsError
from src.data_preparation.batchai.prepared_data import PreparedFolder, PreparedLocation
from src.training.batchai.location_fit import GroupFit, TrainingOptions, fit_location

if TYPE_CHECKING:
    from distributed import Client

CONNECT_SECONDS = 20


def fit_here(
    folder: PreparedFolder,
    locations: Sequence[str],
    options: TrainingOptions,
    *,
    product_id: str | None,
    done: Callable[[int], None],
) -> Iterator[tuple[PreparedLocation, list[GroupFit]]]:
    """Fit locations one after the other in this process, each on several threads.

    Args:
        folder: The prepared data.
        locations: Which locations.
        options: How to train.
        product_id: Fit this product only; None for all.
        done: Called with numbers of groups that are done.

    Yields:
        The prepared data and the fits of each location, in their order.
    """
    for name in locations:
        prepared = folder.read(name)
        yield prepared, fit_location(prepared, options, product_id=product_id, done=done)


def fit_on_dask(
    folder: PreparedFolder,
    locations: Sequence[str],
    options: TrainingOptions,
    *,
    product_id: str | None,
    done: Callable[[int], None],
    scheduler: str,
) -> Iterator[tuple[PreparedLocation, list[GroupFit]]]:
    """Fit locations as tasks of a Dask cluster. Arguments and results as in `fit_here`.

    A worker is given the path of the prepared data, not the data: it reads what it fits, a lost worker's task runs
    again elsewhere, and nothing large passes through the scheduler. So workers have to see the same folder.

    Args:
        folder: The prepared data.
        locations: Which locations.
        options: How to train; each task uses one thread.
        product_id: Fit this product only; None for all.
        done: Called with numbers of groups that are done.
        scheduler: The address of a running scheduler; empty for worker processes on this machine, as many as
            `options.threads`.

    Raises:
        CloudError: The scheduler can't be reached, or its workers can't run the project's code.
    """
    with _client(scheduler, workers=max(1, min(options.threads, len(locations)))) as client:
        version = folder.manifest.version
        one_thread = TrainingOptions(folds=options.folds, min_batches=options.min_batches, threads=1)
        futures = [
            client.submit(_fit_on_worker, str(folder.root.resolve()), name, version, one_thread, product_id, pure=False)
            for name in locations
        ]
        for name, future in zip(locations, futures, strict=True):
            prepared = folder.read(name)
            fits: list[GroupFit] = future.result()
            done(len(fits))
            yield prepared, fits


def _fit_on_worker(
    root: str, location: str, version: str, options: TrainingOptions, product_id: str | None
) -> list[GroupFit]:
    folder = PreparedFolder.open(Path(root))
    if folder.manifest.version != version:
        raise DataError(
            "a worker sees other prepared data than this machine",
            where=root,
            found=f"version {folder.manifest.version}",
            expected=f"version {version}",
            hint="let all workers see the same folder, such as a mounted share",
        )
    return fit_location(folder.read(location), options, product_id=product_id)


@contextmanager
def _client(scheduler: str, *, workers: int) -> Iterator[Client]:
    """Connect to a scheduler, or start one with worker processes on the loopback interface."""
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise SettingsError(
            "TRAIN_BACKEND is dask, and Dask is not installed",
            where="TRAIN_BACKEND",
            expected="the packages of requirements/dask.txt",
            hint="pip install -r requirements/dask.txt",
        ) from None
    if not scheduler:
        local = {"n_workers": workers, "threads_per_worker": 1, "processes": True}
        with LocalCluster(host="127.0.0.1", dashboard_address=None, **local) as cluster, Client(cluster) as client:
            yield client
        return
    try:
        client = Client(scheduler, timeout=CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise CloudError(
            "the Dask scheduler can't be reached",
            where=f"DASK_SCHEDULER {scheduler}",
            found=error,
            hint="check the address, such as tcp://host:8786, or leave it empty for workers on this machine",
        ) from error
    with client:
        _check_workers(client, scheduler)
        yield client


def _check_workers(client: Client, scheduler: str) -> None:
    """Check that there are workers, and that they can import the project."""
    try:
        client.wait_for_workers(1, timeout=CONNECT_SECONDS)
        client.run(_import_project)
    except (TimeoutError, ImportError, OSError) as error:
        raise CloudError(
            "the Dask workers can't run the project's code",
            where=f"DASK_SCHEDULER {scheduler}",
            found=error,
            expected="workers that are started in the project's folder, with its requirements",
            hint="start them there: python -m distributed.cli.dask_worker <scheduler>",
        ) from error


def _import_project() -> str:
    from src.training.batchai import location_fit

    return location_fit.__name__

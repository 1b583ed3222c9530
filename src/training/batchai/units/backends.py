"""Where the units of a training run are trained: in this process, or on a Dask cluster.

Each unit gives the same results, to the last bit, wherever it is trained, because neither threads nor neighbours change
a result (see `location_fit`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src.common.errors import CloudError, SettingsError
from src.data_preparation.batchai.prepared_data import PreparedFolder
from src.training.batchai.ridge.borrowing import LocationPool, PooledSums
from src.training.batchai.units import guarded_worker
from src.training.batchai.units.unit_results import UnitResults
from src.training.batchai.units.work_units import WorkUnit, pool_of, require_memory_for, sum_unit, train_unit

if TYPE_CHECKING:
    from distributed import Client

CONNECT_SECONDS = 20


def train_here(
    folder: PreparedFolder, units: Sequence[WorkUnit], *, threads: int, done: Callable[[int], None]
) -> Iterator[UnitResults]:
    """Train units one after the other in this process, each on several threads.

    Args:
        folder: The prepared data.
        units: What to train, the units of a location one after the other.
        threads: Threads that train at the same time; 0 for one per core.
        done: Called with numbers of groups that are done.

    Yields:
        The results of each unit that is fitted, in their order.

    Raises:
        DataError: A unit is too large for the memory that is left; nothing was computed.
    """
    for unit in units:
        require_memory_for(folder, unit.location, unit.products)
    for _, same in groupby(units, key=lambda unit: unit.location):
        parts = list(same)
        pool = None
        if not parts[0].is_whole:
            pool = pool_of([sum_unit(folder, unit, threads=threads) for unit in parts], parts[0].sharing)
        for unit in parts:
            if unit.is_fitted:
                yield train_unit(folder, unit, pool, threads=threads, done=done)


def train_on_dask(
    folder: PreparedFolder,
    units: Sequence[WorkUnit],
    *,
    threads: int,
    done: Callable[[int], None],
    scheduler: str,
) -> Iterator[UnitResults]:
    """Train units as tasks of a Dask cluster. Arguments and results as in `train_here`.

    A worker is given the path of the prepared data, not the data: it reads what it trains, a lost worker's task runs
    What workers of this machine print and log is guarded; workers of another scheduler are its own.
    What workers log is Dask's own and not guarded: of a task that fails it names this path and the products.

    Args:
        folder: The prepared data.
        units: What to train.
        threads: Worker processes on this machine, where there is no scheduler; each task uses one thread.
        done: Called with the number of groups of each unit that is done.
        scheduler: The address of a running scheduler; empty for worker processes on this machine.

    Raises:
        CloudError: The scheduler can't be reached, or its workers can't run the project's code.
    """
    with _client(scheduler, workers=max(1, min(threads or os.cpu_count() or 1, len(units)))) as client:
        root = str(folder.root.resolve())
        sums: dict[str, list[Any]] = {}
        for unit in units:
            if not unit.is_whole:
                task = client.submit(_sum_on_worker, root, unit, pure=False)
                sums.setdefault(unit.location, []).append(task)
        sharing = {unit.location: unit.sharing for unit in units}
        pools = {
            location: client.submit(pool_of, parts, sharing[location], pure=False) for location, parts in sums.items()
        }
        fitted = [unit for unit in units if unit.is_fitted]
        futures = [client.submit(_train_on_worker, root, unit, pools.get(unit.location), pure=False) for unit in fitted]
        for unit, future in zip(fitted, futures, strict=True):
            results: UnitResults = future.result()
            future.release()
            done(1 if unit.product_id else len(unit.products))
            yield results


def _sum_on_worker(root: str, unit: WorkUnit) -> list[list[PooledSums]]:
    return sum_unit(PreparedFolder.open(Path(root)), unit, threads=1)


def _train_on_worker(root: str, unit: WorkUnit, pool: LocationPool | None) -> UnitResults:
    return train_unit(PreparedFolder.open(Path(root)), unit, pool, threads=1)


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
        local = {"n_workers": workers, "threads_per_worker": 1, "processes": True, "preload": [guarded_worker.__name__]}
        with (
            LocalCluster(host="127.0.0.1", dashboard_address="127.0.0.1:0", **local) as cluster,
            Client(cluster) as client,
        ):
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

"""All services together."""

from aml_emulator.services import (
    artifacts,
    computes,
    console,
    datasets,
    datastores,
    environments,
    history,
    identity,
    metrics,
    models,
    modules,
    pipeline_endpoints,
    pipeline_runs,
    pipelines,
    snapshots,
    workspaces,
)
from aml_emulator.web.router import Router


def build_router() -> Router:
    """Return the router of all services."""
    services = (
        artifacts,
        computes,
        console,
        datasets,
        datastores,
        environments,
        history,
        identity,
        metrics,
        models,
        modules,
        pipeline_endpoints,
        pipeline_runs,
        pipelines,
        snapshots,
        workspaces,
    )
    return Router(service.ROUTES for service in services)

"""All services together, and the pages."""

from aml_emulator.pages import views
from aml_emulator.v1 import (
    artifacts,
    computes,
    console,
    datasets,
    datastores,
    environments,
    execution,
    history,
    identity,
    metrics,
    models,
    modules,
    pipeline_endpoints,
    pipeline_runs,
    pipelines,
    schedules,
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
        execution,
        history,
        identity,
        metrics,
        models,
        modules,
        pipeline_endpoints,
        pipeline_runs,
        pipelines,
        schedules,
        snapshots,
        workspaces,
        views,
    )
    return Router(service.ROUTES for service in services)

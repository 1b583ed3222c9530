"""The emulator's own calls: whether it is ready, what it was asked for in vain, faults."""

from typing import Any

from aml_emulator.web.faults import FaultSyntaxError
from aml_emulator.web.messages import Refusal, Request
from aml_emulator.web.router import Routes

ROUTES = Routes("/emulator")


@ROUTES.get("/ready", public=True)
def ready(request: Request) -> Any:
    """Answer which workspaces there are."""
    return {"workspaces": [workspace.scope for workspace in request.site.workspaces.all()]}


@ROUTES.get("/unserved", public=True)
def unserved(request: Request) -> Any:
    """Answer the calls that came and are not served, with how often each did."""
    return request.site.unserved.listed()


@ROUTES.get("/connections", public=True)
def connections(request: Request) -> Any:
    """Answer which hosts the proxy was asked for: led to something here, or refused."""
    return request.site.destinations.counts()


@ROUTES.get("/faults", public=True)
def list_faults(request: Request) -> Any:
    """Answer the faults that hold."""
    return request.site.faults.listed()


@ROUTES.post("/faults", public=True)
def add_fault(request: Request) -> Any:
    """Let one more fault hold: ``{"rule": "503 on POST /pipelines/** twice"}``."""
    try:
        request.site.faults.add(str((request.json() or {}).get("rule")))
    except FaultSyntaxError as error:
        raise Refusal(400, str(error)) from None
    return request.site.faults.listed()


@ROUTES.delete("/faults", public=True)
def clear_faults(request: Request) -> Any:
    """Let no fault hold."""
    request.site.faults.clear()
    return []

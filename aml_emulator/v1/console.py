"""The emulator's own calls: whether it is ready, what it was asked for in vain, faults."""

from typing import Any

from aml_emulator.door.faults import FaultSyntaxError
from aml_emulator.errors import InvalidError
from aml_emulator.web.messages import Request
from aml_emulator.web.router import Access, Routes

ROUTES = Routes("/emulator", access=Access.OWNER)


@ROUTES.get("/ready", public=True)
def ready(request: Request) -> Any:
    """Answer which workspaces there are."""
    return {"workspaces": [workspace.scope for workspace in request.store.workspaces.all()]}


@ROUTES.get("/unserved")
def unserved(request: Request) -> Any:
    """Answer the calls that came and are not served, with how often each did."""
    return request.site.unserved.listed()


@ROUTES.get("/connections")
def connections(request: Request) -> Any:
    """Answer which hosts the proxy was asked for: led to something here, or refused."""
    return request.site.destinations.counts()


@ROUTES.get("/faults")
def list_faults(request: Request) -> Any:
    """Answer the faults that hold."""
    return request.site.faults.listed()


@ROUTES.post("/faults")
def add_fault(request: Request) -> Any:
    """Let one more fault hold: ``{"rule": "503 on POST /pipelines/** twice"}``."""
    try:
        request.site.faults.add(str(request.document().get("rule")))
    except FaultSyntaxError as error:
        raise InvalidError(str(error)) from None
    return request.site.faults.listed()


@ROUTES.delete("/faults")
def clear_faults(request: Request) -> Any:
    """Let no fault hold."""
    request.site.faults.clear()
    return []

"""From a request to its reply: who may ask, which function answers, what a refusal looks like.

Knows no sockets: tests call :meth:`App.answer` directly.
"""

import logging
import time

from aml_emulator import names
from aml_emulator.door.faults import Fault
from aml_emulator.errors import (
    ConflictError,
    DeniedError,
    EmulatorError,
    FaultError,
    ForbiddenError,
    NotFoundError,
    NotServedError,
)
from aml_emulator.site import Site
from aml_emulator.web.messages import Reply, Request
from aml_emulator.web.router import Access, Router

_log = logging.getLogger(__name__)

_STATUSES: dict[type[EmulatorError], int] = {
    NotFoundError: 404,
    ConflictError: 409,
    DeniedError: 401,
    ForbiddenError: 403,
    NotServedError: 501,
}


class Dropped(Exception):  # noqa: N818  (no defect: the connection is to end without a reply)
    """A fault on request ends the connection without a reply."""


def refusal(error: EmulatorError) -> Reply:
    """Return an error in the shape of Azure ML's error documents."""
    status = error.status if isinstance(error, FaultError) else _STATUSES.get(type(error), 400)
    document = {
        "error": {"code": error.code, "message": error.message, "details": []},
        # the pipelines service writes its fields with a capital letter
        "Error": {"Code": error.code, "Message": error.message},
        "correlation": {},
        "environment": "local",
        "location": "local",
        "statusCode": status,
    }
    return Reply(document, status=status, headers={"WWW-Authenticate": "Bearer"} if status == 401 else {})


class App:
    """Answers requests.

    Args:
        site: What the emulator has.
        router: Who answers which request.
    """

    def __init__(self, site: Site, router: Router) -> None:
        self.site = site
        self._router = router

    def answer(self, request: Request) -> Reply:
        """Return the reply to a request; errors become replies.

        Raises:
            Dropped: The connection is to end without a reply.
        """
        try:
            return self._answer(request)
        except EmulatorError as error:
            return refusal(error)
        except Dropped:
            raise
        except Exception as error:
            # a defect of ours must reach the client as an answer
            _log.exception("%s %s failed", request.method, request.path)
            return refusal(FaultError(500, f"the emulator failed: {error!r}"))

    def _answer(self, request: Request) -> Reply:
        site = self.site
        self._check_origin(request)
        faults = [] if request.path.startswith("/emulator/") else site.faults.take(request.method, request.path)
        for fault in faults:
            _suffer(fault)
        found = self._router.find("GET" if request.method == "HEAD" else request.method, request.path)
        if found is None:
            raise NotServedError(f"the emulator does not serve {site.unserved.note(request.method, request.path)}")
        route, parameters = found
        request.parameters = names.checked(parameters)
        if route.access is not Access.PUBLIC:
            request.principal = site.door.principal(request.headers, request.query, own=route.access is Access.OWNER)
        if route.takes is not None:
            self._check_fields(request, route.takes)
        lag = max((fault.seconds for fault in faults if fault.action == "lag"), default=0.0)
        with site.listing_lag(lag):
            result = route.handler(request)
        return result if isinstance(result, Reply) else Reply(result)

    def _check_fields(self, request: Request, known: frozenset[str]) -> None:
        """Refuse a field that would be left out of account, by its name."""
        unknown = [name for name, value in request.document().items() if value and name not in known]
        if unknown:
            call = self.site.unserved.note(f"field {', '.join(unknown)} of {request.method}", request.path)
            raise NotServedError(f"the emulator does not serve {call}")

    def _check_origin(self, request: Request) -> None:
        """Refuse a script of another site: browsers name the site that a script came from, clients do not."""
        origin = request.headers.get("origin")
        if origin is not None and origin != self.site.base_url:
            raise ForbiddenError(f"a page of '{origin[:200]}' may not call this emulator")


def _suffer(fault: Fault) -> None:
    if fault.action == "drop":
        raise Dropped
    if fault.action == "delay":
        time.sleep(fault.seconds)
    elif fault.action == "expired-token":
        raise DeniedError("the token has expired (a fault on request)", code="ExpiredAuthenticationToken")
    elif fault.action.isdigit():
        raise FaultError(int(fault.action), fault.text)

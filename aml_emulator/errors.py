"""What can be wrong with a request, in the emulator's own terms; :mod:`aml_emulator.web.app` turns it into HTTP.

::

    EmulatorError
    ├─ InvalidError        the request asks for something that makes no sense
    ├─ NotFoundError       what it names is not there
    ├─ ConflictError       what it would make is there already, or was begun before
    ├─ DeniedError         it does not prove who sends it
    ├─ ForbiddenError      whoever sends it, it is not for them
    ├─ NotServedError      Azure ML does this, the emulator does not
    └─ FaultError          it met a fault on request
"""


class EmulatorError(Exception):
    """A request is refused.

    Args:
        message: What was wrong, for the person who reads the SDK's exception.
        code: Azure's error code.
    """

    code = "UserError"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code


class InvalidError(EmulatorError):
    """A value is missing, of another kind than expected, or not allowed."""


class NotFoundError(EmulatorError):
    """Something is not there.

    Args:
        kind: What it would be.
        name: Its name.
    """

    code = "NotFound"

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} '{name}' was not found.")


class ConflictError(EmulatorError):
    """Something is there already, or was begun before."""

    code = "Conflict"


class DeniedError(EmulatorError):
    """No token, or one that is not ours, changed or expired."""

    code = "AuthenticationFailed"


class ForbiddenError(EmulatorError):
    """The request comes from a place, or names a host, that this emulator does not serve."""

    code = "Forbidden"


class NotServedError(EmulatorError):
    """Azure ML has this, the emulator does not."""

    code = "NotImplemented"


class FaultError(EmulatorError):
    """A fault on request.

    Args:
        status: The HTTP status that the rule asks for.
        rule: The rule.
    """

    code = "ServiceError"

    def __init__(self, status: int, rule: str) -> None:
        super().__init__(f"a fault on request: {rule}")
        self.status = status

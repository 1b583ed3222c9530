"""The variables that lead a client here, and how a shell takes them."""

import json
import shlex
from pathlib import Path

from aml_emulator.door.access import USER
from aml_emulator.door.tokens import TENANT

SHELLS = ("bash", "powershell", "json")


def step_variables(base_url: str, secret: str, bundle: Path) -> dict[str, str]:
    """Return the variables for a process that is to reach the emulator instead of Azure.

    Args:
        base_url: Address of the port, which is also the proxy.
        secret: What opens the proxy.
        bundle: The bundle of certificate authorities.
    """
    proxy = base_url.replace("//", f"//{USER}:{secret}@")
    return {
        "HTTPS_PROXY": proxy,
        "https_proxy": proxy,
        # plain HTTP needs no proxy: the services themselves are on the loopback interface
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
        "REQUESTS_CA_BUNDLE": str(bundle),
        "SSL_CERT_FILE": str(bundle),
        # the SDK's own switch for workspaces of high business impact: it sends no telemetry
        "HBI_WORKSPACE_JOB": "true",
        "AML_EMULATOR_URL": base_url,
    }


def client_variables(base_url: str, secret: str, bundle: Path) -> dict[str, str]:
    """Return those of :func:`step_variables`, and what a client signs in with that names no credentials."""
    return {
        **step_variables(base_url, secret, bundle),
        "AML_EMULATOR_SECRET": secret,
        # read by azureml-core where a script does not say how it signs in
        "AZUREML_SERVICE_PRINCIPAL_TENANT_ID": TENANT,
        "AZUREML_SERVICE_PRINCIPAL_ID": USER,
        "AZUREML_SERVICE_PRINCIPAL_PASSWORD": secret,
    }


def format_variables(variables: dict[str, str], shell: str) -> str:
    """Return commands that set the variables.

    Args:
        variables: The variables.
        shell: ``bash``, ``powershell`` or ``json``.
    """
    if shell == "json":
        return json.dumps(variables, indent=2)
    if shell == "powershell":
        quoted = {name: value.replace("'", "''") for name, value in variables.items()}
        return "\n".join(f"$env:{name} = '{value}'" for name, value in quoted.items())
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables.items())

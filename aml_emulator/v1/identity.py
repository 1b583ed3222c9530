"""Azure Active Directory and subscriptions: what the SDK asks before anything else."""

from typing import Any
from urllib.parse import parse_qsl

from aml_emulator.door.tokens import TENANT
from aml_emulator.errors import ForbiddenError
from aml_emulator.web.messages import Reply, Request
from aml_emulator.web.router import Routes

ROUTES = Routes()

_LOGIN = "https://login.microsoftonline.com"


@ROUTES.get("/common/discovery/instance", public=True)
def discover_instance(request: Request) -> Any:  # noqa: ARG001
    """Answer which login hosts belong together."""
    return {
        "tenant_discovery_endpoint": f"{_LOGIN}/{TENANT}/v2.0/.well-known/openid-configuration",
        "api-version": "1.1",
        "metadata": [
            {
                "preferred_network": "login.microsoftonline.com",
                "preferred_cache": "login.windows.net",
                "aliases": ["login.microsoftonline.com", "login.windows.net"],
            }
        ],
    }


@ROUTES.get("/{tenant}/v2.0/.well-known/openid-configuration", public=True)
def open_id_configuration(request: Request) -> Any:
    """Answer where a tenant issues its tokens."""
    tenant = request["tenant"]
    return {
        "issuer": f"{_LOGIN}/{tenant}/v2.0",
        "authorization_endpoint": f"{_LOGIN}/{tenant}/oauth2/v2.0/authorize",
        "token_endpoint": f"{_LOGIN}/{tenant}/oauth2/v2.0/token",
        "jwks_uri": f"{_LOGIN}/common/discovery/v2.0/keys",
    }


@ROUTES.post("/{tenant}/oauth2/v2.0/token", "/{tenant}/oauth2/token", public=True)
def issue_token(request: Request) -> Any:
    """Answer a token for client credentials; any client is known whose secret or assertion is not empty."""
    if not request.tunnelled:
        raise ForbiddenError("tokens are issued through the proxy only: HTTPS_PROXY holds its address and its secret")
    form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
    if form.get("grant_type") != "client_credentials":
        return _denied("unsupported_grant_type", "only the grant 'client_credentials' is served")
    if not form.get("client_id") or not (form.get("client_secret") or form.get("client_assertion")):
        return _denied("invalid_client", "client_id or client_secret is missing")
    audience = (form.get("scope") or form.get("resource") or "").removesuffix("/.default")
    token = request.site.tokens.issue(form["client_id"], tenant=request["tenant"], audience=audience)
    return {
        "token_type": "Bearer",
        "expires_in": request.site.tokens.lifetime,
        "ext_expires_in": request.site.tokens.lifetime,
        "access_token": token,
    }


def _denied(error: str, description: str) -> Reply:
    """Return a refusal as OAuth 2.0 writes it (RFC 6749, section 5.2)."""
    return Reply({"error": error, "error_description": description, "error_codes": []}, status=401)


@ROUTES.get("/metadata/endpoints", public=True)
def list_clouds(request: Request) -> Any:  # noqa: ARG001
    """Answer the clouds that there are, as Resource Manager does before anybody has signed in."""
    cloud = {
        "name": "AzureCloud",
        "portal": "https://portal.azure.com",
        "resourceManager": "https://management.azure.com/",
        "graph": "https://graph.windows.net/",
        "graphAudience": "https://graph.windows.net/",
        "batch": "https://batch.core.windows.net/",
        "gallery": "https://gallery.azure.com/",
        "media": "https://rest.media.azure.net",
        "vmImageAliasDoc": "",
        "sqlManagement": "https://management.core.windows.net:8443/",
        "authentication": {
            "loginEndpoint": f"{_LOGIN}/",
            "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"],
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "suffixes": {
            "storage": "core.windows.net",
            "keyVaultDns": "vault.azure.net",
            "acrLoginServer": "azurecr.io",
            "sqlServerHostname": "database.windows.net",
            "azureDataLakeStoreFileSystem": "azuredatalakestore.net",
            "azureDataLakeAnalyticsCatalogAndJob": "azuredatalakeanalytics.net",
        },
    }
    return [cloud]


def _subscription(identifier: str) -> dict[str, Any]:
    return {
        "id": f"/subscriptions/{identifier}",
        "subscriptionId": identifier,
        "tenantId": TENANT,
        "displayName": identifier,
        "state": "Enabled",
    }


@ROUTES.get("/subscriptions")
def list_subscriptions(request: Request) -> Any:
    """Answer the subscriptions that have a workspace."""
    identifiers = dict.fromkeys(workspace.subscription for workspace in request.store.workspaces.all())
    return {"value": [_subscription(identifier) for identifier in identifiers]}


@ROUTES.get("/tenants")
def list_tenants(request: Request) -> Any:  # noqa: ARG001
    """Answer the one tenant."""
    return {"value": [{"id": f"/tenants/{TENANT}", "tenantId": TENANT}]}

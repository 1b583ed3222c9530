"""Authentication as the SDK does it, and what happens without."""

from typing import Any

import pytest

from aml_emulator.door.tokens import Tokens
from aml_emulator.runtime.stack import Stack
from test.aml_emulator.support import CLIENT, GROUP, NAME, SUBSCRIPTION, TENANT, sdk_workspace


def test_service_principal_gets_a_workspace(workspace: Any) -> None:
    assert workspace.name == NAME
    assert workspace.subscription_id == SUBSCRIPTION
    assert workspace.resource_group == GROUP


def test_an_arm_token_is_enough(sdk: Stack) -> None:
    from azureml.core import Workspace
    from azureml.core.authentication import ArmTokenAuthentication

    token = sdk_workspace()._auth._get_arm_token()
    found = Workspace.get(NAME, auth=ArmTokenAuthentication(token), subscription_id=SUBSCRIPTION, resource_group=GROUP)
    assert found._workspace_id == sdk_workspace()._workspace_id


def test_a_token_from_a_callback_is_enough(sdk: Stack) -> None:
    from azureml.core import Workspace
    from azureml.core.authentication import TokenAuthentication

    tokens = sdk.site.tokens
    auth = TokenAuthentication(lambda audience: tokens.issue("callback", audience=str(audience)))
    found = Workspace.get(NAME, auth=auth, subscription_id=SUBSCRIPTION, resource_group=GROUP)
    assert [store.name for store in found.datastores.values()] == ["workspaceblobstore"]


def test_a_secret_is_asked_for(sdk: Stack) -> None:
    from azureml.core import Workspace
    from azureml.core.authentication import ServicePrincipalAuthentication

    auth = ServicePrincipalAuthentication(TENANT, "another", "")
    with pytest.raises(Exception, match="client_secret is missing"):
        Workspace.get(NAME, auth=auth, subscription_id=SUBSCRIPTION, resource_group=GROUP)


def test_a_token_of_somebody_else_is_refused(sdk: Stack) -> None:
    from azureml.core import Workspace
    from azureml.core.authentication import ArmTokenAuthentication

    foreign = ArmTokenAuthentication(Tokens("another secret").issue(CLIENT))
    with pytest.raises(Exception, match=r"not issued by this emulator|Unauthorized"):
        Workspace.get(NAME, auth=foreign, subscription_id=SUBSCRIPTION, resource_group=GROUP)


def test_an_unknown_workspace_is_not_there(workspace: Any) -> None:
    from azureml.core import Workspace
    from azureml.exceptions import ProjectSystemException

    with pytest.raises(ProjectSystemException, match="Workspace not found"):
        Workspace.get("absent", auth=workspace._auth, subscription_id=SUBSCRIPTION, resource_group=GROUP)


def test_workspaces_are_listed(workspace: Any) -> None:
    from azureml.core import Workspace

    listed = Workspace.list(SUBSCRIPTION, auth=workspace._auth, resource_group=GROUP)
    assert sorted(listed) == ["other", NAME]
    assert sorted(Workspace.list(SUBSCRIPTION, auth=workspace._auth)) == ["other", NAME]


def test_a_script_without_credentials_signs_in(sdk: Stack) -> None:
    from azureml.core import Workspace

    found = Workspace.get(NAME, subscription_id=SUBSCRIPTION, resource_group=GROUP)
    assert found._workspace_id == sdk_workspace()._workspace_id


def test_a_federated_identity_gets_a_token(emulator: Stack) -> None:
    import requests

    form = {
        "grant_type": "client_credentials",
        "client_id": CLIENT,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": "a.b.c",
        "scope": "https://management.azure.com/.default",
    }
    address = f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"
    answer = requests.post(address, data=form, timeout=10)
    assert answer.status_code == 200
    assert emulator.site.tokens.check(f"Bearer {answer.json()['access_token']}") == CLIENT
    assert requests.post(address, data={**form, "client_assertion": ""}, timeout=10).status_code == 401


def test_a_workspace_that_is_there_need_not_be_made(workspace: Any) -> None:
    from azureml.core import Workspace
    from azureml.core.compute import AmlCompute

    options = {"auth": workspace._auth, "subscription_id": SUBSCRIPTION, "resource_group": GROUP}
    found = Workspace.create(NAME, location="local", exist_ok=True, **options)
    assert found._workspace_id == workspace._workspace_id
    assert "STANDARD_D2_V2" in [size["name"] for size in AmlCompute.supported_vmsizes(workspace)]

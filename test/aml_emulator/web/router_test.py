"""Routes and tokens."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aml_emulator.door.tokens import Tokens
from aml_emulator.errors import DeniedError
from aml_emulator.runtime.routes import build_router
from aml_emulator.web.router import Router, Routes

SEGMENT = st.text(alphabet=st.characters(codec="ascii", exclude_characters="/"), min_size=1, max_size=12)


def _router() -> Router:
    routes = Routes("/a")
    routes.get("/latest/x")(lambda _: "fixed")
    routes.get("/{id}/x")(lambda _: "one")
    routes.get("/{id}/{path:rest}")(lambda _: "rest")
    return Router([routes])


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/a/latest/x", "/a/latest/x"),
        ("/A/Latest/X", "/a/latest/x"),
        ("/a/other/x", "/a/{id}/x"),
        ("/a/other/x/y", "/a/{id}/{path:rest}"),
    ],
)
def test_the_more_exact_template_wins(path: str, template: str) -> None:
    found = _router().find("GET", path)
    assert found is not None
    assert found[0].template == template


def test_another_method_is_not_found() -> None:
    assert _router().find("POST", "/a/latest/x") is None
    assert _router().find("GET", "/b") is None


@given(name=SEGMENT)
def test_parts_of_the_path_are_decoded(name: str) -> None:
    from urllib.parse import quote

    found = _router().find("GET", f"/a/{quote(name, safe='')}/y/z")
    assert found is not None
    assert found[1] == {"id": name, "path": "y/z"}


def test_no_two_calls_share_a_template() -> None:
    calls = [(route.method, route.template) for route in build_router()._routes]
    assert len(calls) == len(set(calls))
    assert len(calls) > 100


def test_a_token_tells_whom_it_is_for() -> None:
    tokens = Tokens("secret")
    token = tokens.issue("someone", audience="https://ml.azure.com")
    assert tokens.check(f"Bearer {token}") == "someone"
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
    assert claims["aud"] == "https://ml.azure.com"


@given(position=st.integers(0, 200), character=st.sampled_from("aZ0-_"))
def test_a_changed_token_is_refused(position: int, character: str) -> None:
    tokens = Tokens("secret")
    token = tokens.issue("someone")
    position %= len(token) - 1
    changed = token[:position] + character + token[position + 1 :]
    if changed != token:
        with pytest.raises(DeniedError):
            tokens.check(f"Bearer {changed}")


@pytest.mark.parametrize("field", [None, "", "Bearer", "Basic x", "Bearer x"])
def test_no_token_is_refused(field: str | None) -> None:
    with pytest.raises(DeniedError):
        Tokens("secret").check(field)

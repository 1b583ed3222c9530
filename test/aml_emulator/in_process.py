"""An emulator without ports and processes, for tests where the wire is not the point."""

import json
from pathlib import Path
from typing import Any

from aml_emulator.door.destinations import Destinations
from aml_emulator.runtime.routes import build_router
from aml_emulator.site import Site, SiteSettings
from aml_emulator.store.blobs import BlobStore
from aml_emulator.web.app import App
from aml_emulator.web.messages import Reply, Request

SCOPE = "/subscriptions/sub/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/workspace"


class Emulator:
    """An emulator in a folder, with one workspace; nothing listens where its storage would be.

    Args:
        folder: Where its state goes.
    """

    def __init__(self, folder: Path) -> None:
        blobs = BlobStore(1, folder / "no-authority.pem", "a2V5")
        settings = SiteSettings(workspaces=(("sub", "rg", "workspace"),))
        self.site = Site(
            folder,
            blobs=blobs,
            destinations=Destinations(1, ["devstoreaccount1"]),
            settings=settings,
            port=1,
            bundle=folder / "bundle.pem",
        )
        self.store = self.site.store
        self.workspace = self.store.workspaces.ensure("sub", "rg", "workspace")
        self._app = App(self.site, build_router())

    def ask(self, method: str, path: str, body: Any = None, *, token: str | None = None, **options: Any) -> Reply:
        """Send a request with a token; ``{ws}`` in the path stands for the workspace."""
        headers = {"authorization": f"Bearer {token or self.site.tokens.issue('test')}"}
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        path, _, query = path.replace("{ws}", SCOPE).partition("?")
        values = dict(part.split("=") for part in query.split("&") if part)
        return self._app.answer(
            Request(self.site, method, path, query=values, headers=headers, body=content, **options)
        )

    def page(self, path: str) -> str:
        """Return a page of the emulator's own."""
        reply = self.ask("GET", path, token=self.site.door.secret)
        assert reply.status == 200, reply
        return reply.body().decode()

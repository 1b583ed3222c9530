"""Project content: the snapshots of source folders."""

import io
import zipfile
from typing import Any

from aml_emulator import names
from aml_emulator.store.blobs import blob_name
from aml_emulator.store.database import new_id, now
from aml_emulator.store.snapshots import CONTAINER, EMPTY
from aml_emulator.web.messages import Request
from aml_emulator.web.router import Routes

ROUTES = Routes()

_V1 = "/content/v1.0{ws}/snapshots"
_V2 = "/content/v2.0{ws}/snapshots"


@ROUTES.get(f"{_V1}/latest/metadata")
def latest_snapshot(request: Request) -> Any:  # noqa: ARG001
    """Answer the empty snapshot: what a client without a cache of its own compares with."""
    root: dict[str, Any] = {
        "name": "",
        "hash": "",
        "type": "Directory",
        "timestamp": now(),
        "sasUrl": None,
        "absoluteUrl": None,
        "sizeBytes": 0,
        "sizeSet": False,
        "children": {},
    }
    return {"id": EMPTY, "root": root}


@ROUTES.get(f"{_V1}/{{id}}/metadata")
def get_snapshot(request: Request) -> Any:
    """Answer a snapshot's tree."""
    row = request.store.snapshots.find(request.workspace.id, request["id"])
    return {"id": row["id"], "snapshotId": row["id"], "root": row["tree"]}


@ROUTES.post(f"{_V2}/getblob")
def upload_addresses(request: Request) -> Any:
    """Answer where to upload each file of a snapshot to come."""
    folder = new_id()
    paths = [names.relative_path(name, "file of a snapshot") for name in request.document()["FileNames"]]
    blobs = request.store.blobs
    nodes = [{"fullName": path, "blobUri": blobs.signed_url(CONTAINER, blob_name(folder, path))} for path in paths]
    return {"fileNodes": nodes}


@ROUTES.post(f"{_V2}/{{id}}")
def create_snapshot(request: Request) -> Any:
    """Keep a snapshot whose files have been uploaded."""
    sent = request.document()
    nodes = (sent.get("FileRevisionList") or {}).get("FileNodes") or []
    request.store.snapshots.create(
        request.workspace.id,
        request["id"],
        parent=sent.get("ParentSnapshotId"),
        tree=sent.get("DirTreeNode") or {},
        uploaded={node["FullName"]: node["BlobUri"] for node in nodes},
    )
    return {"snapshotId": request["id"]}


@ROUTES.post(f"{_V2}/{{id}}/zip")
def zip_snapshot(request: Request) -> Any:
    """Pack a snapshot; answer where the packed file is."""
    site = request.site
    site.store.snapshots.find(request.workspace.id, request["id"])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in site.store.snapshots.contents(request["id"]):
            archive.writestr(path, content)
    name = f"zip/{request['id']}.zip"
    site.store.blobs.put(CONTAINER, name, packed.getvalue())
    return {"zipSasUri": site.store.blobs.signed_url(CONTAINER, name)}

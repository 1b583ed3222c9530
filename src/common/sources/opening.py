"""Which kind of source a setting names."""

from __future__ import annotations

from pathlib import Path

from src.common.errors import SettingsError
from src.common.sources.blob_storage import BlobSource, StorageCredentials
from src.common.sources.container_url import is_blob_url, without_secrets
from src.common.sources.folder import FolderSource
from src.common.sources.source import Source


def open_source(source: str, *, credentials: StorageCredentials, connections: int) -> Source:
    """Open what ``INPUT_URL`` names: a folder, or a blob container with or without a prefix."""
    if is_blob_url(source):
        return BlobSource(source, credentials, connections=connections)
    if "://" in source:
        raise SettingsError(
            "INPUT_URL can't be used",
            found=without_secrets(source),
            expected="a folder, or https://<account>.blob.core.windows.net/<container>/<prefix>",
            hint="correct it in .env.local",
        )
    from src.common.settings import PROJECT_ROOT

    return FolderSource(PROJECT_ROOT / Path(source).expanduser())

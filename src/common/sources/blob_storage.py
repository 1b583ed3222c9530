"""Azure blob storage as a source of files: credentials, listing, reading.

Secrets stay inside: no message, log or repr shows a key or a SAS signature. azure-storage-blob itself would leak a
signature at DEBUG, since urllib3 logs whole request lines; a filter on those loggers takes it out.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from src.common.errors import CloudError, DataError, SettingsError, one_line, some_of
from src.common.redaction import redacted
from src.common.sources.container_url import ContainerAddress, parse_container_url
from src.common.sources.source import SourceFile

if TYPE_CHECKING:
    from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential, TokenCredential
    from azure.core.exceptions import AzureError
    from azure.core.pipeline import PipelineRequest, PipelineResponse
    from azure.storage.blob import ContainerClient, ExponentialRetry

    from src.common.settings import Settings

    Credential = AzureNamedKeyCredential | AzureSasCredential | TokenCredential

CONNECT_SECONDS = 5
READ_SECONDS = 60
RETRIES = 3
CONNECT_RETRIES = 2  # fewer: an account that can't be reached is reported in seconds, a busy one is tried longer
PART_BYTES = 4 << 20  # what each connection holds in memory
_CHANGED = (
    "a blob was changed or deleted while it was cloned",
    "run the same command again, when nobody writes there",
)
_ARCHIVED = ("a blob is in the archive tier, where nobody can read it", "set its tier to hot or cool, and wait for it")
_BY_CODE = {"BlobArchived": _ARCHIVED, "ContainerNotFound": ("the container does not exist", "correct INPUT_URL")}
_LOGGERS_WITH_URLS = (  # each by its full name: a logger's filters do not apply to the loggers below it
    "urllib3.connectionpool",
    "urllib3.connection",
    "urllib3.util.retry",
    "azure.core.pipeline.policies.http_logging_policy",
    "azure.storage.blob._shared.policies",
    "azure.storage.blob._shared.authentication",
)


@dataclass(frozen=True)
class StorageCredentials:
    """How to sign in to a storage account: the first of these that is not empty, else the identity of this machine."""

    connection_string: str = field(default="", repr=False)
    account_key: str = field(default="", repr=False)
    sas_token: str = field(default="", repr=False)

    @classmethod
    def from_settings(cls, settings: Settings) -> StorageCredentials:
        """Take them from the settings."""
        return cls(settings.storage_connection_string, settings.storage_account_key, settings.storage_sas_token)


class BlobSource:
    """The blobs of a container, below a prefix."""

    def __init__(self, url: str, credentials: StorageCredentials, *, connections: int) -> None:
        self._address = parse_container_url(url)
        self._container = _container_client(self._address, credentials, connections)

    @property
    def identity(self) -> str:
        """The URL without any secret."""
        return self._address.url

    def list(self) -> list[SourceFile]:
        """All blobs below the prefix, without the markers that stand for folders.

        Raises:
            CloudError: The container can't be listed.
            DataError: Names hold the parts ``.`` or ``..``, so that no URL leads to them.
        """
        start = self._address.start
        found = []
        with _explained(self._address.url):
            for blob in self._container.list_blobs(name_starts_with=start, include=["metadata"]):
                name = blob.name[len(start) :]
                if not name or (not blob.size and (name.endswith("/") or _marks_folder(blob.metadata))):
                    continue
                md5 = bytes(blob.content_settings.content_md5 or b"")
                found.append(SourceFile(name, blob.size, blob.etag or "", md5))
        _refuse_unreachable(self._address, [file.name for file in found])
        return found

    def chunks(self, file: SourceFile) -> Iterator[bytes]:
        """The content of a blob, in parts, as it was when it was listed.

        Raises:
            CloudError: It was changed since, or can't be read.
        """
        from azure.core import MatchConditions

        with _explained(f"{self._address.url}/{file.name}"):
            download = self._container.download_blob(
                self._address.start + file.name,
                etag='"' + file.version.strip('"') + '"',  # a listing has it without the quotes that If-Match needs
                match_condition=MatchConditions.IfNotModified,
                decompress=False,  # size and MD5 are those of the stored bytes, whatever their Content-Encoding
            )
            yield from download.chunks()


def _marks_folder(metadata: Mapping[str, str] | None) -> bool:
    """Whether an empty blob only says that there is a folder, as accounts with a hierarchical namespace write them."""
    return any(key.lower() == "hdi_isfolder" and value.lower() == "true" for key, value in (metadata or {}).items())


def _refuse_unreachable(address: ContainerAddress, names: Sequence[str]) -> None:
    """Refuse names that HTTP libraries shorten on their way: ``a/../b`` would be asked for as ``b``."""
    unreachable = [name for name in names if not {".", ".."}.isdisjoint(name.split("/"))]
    if unreachable:
        raise DataError(
            "blobs have names that no URL can hold",
            where=address.url,
            found=some_of(unreachable),
            expected="names without the parts . and ..",
            hint="rename or delete them at their source",
        )


def _container_client(address: ContainerAddress, credentials: StorageCredentials, connections: int) -> ContainerClient:
    import requests
    from azure.core.pipeline.transport import RequestsTransport
    from azure.storage.blob import ContainerClient

    _hide_signatures()
    session = requests.Session()
    session.mount("https://", requests.adapters.HTTPAdapter(pool_maxsize=connections))
    session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=connections))
    return ContainerClient(
        address.endpoint,
        address.container,
        credential=_credential(address, credentials),
        transport=RequestsTransport(session=session, session_owner=False),
        retry_policy=_retry_policy(),
        max_single_get_size=PART_BYTES,
        max_chunk_get_size=PART_BYTES,
        connection_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
    )


def _retry_policy() -> ExponentialRetry:
    from azure.core.exceptions import ClientAuthenticationError
    from azure.storage.blob import ExponentialRetry

    class PatientOnlyWithTheService(ExponentialRetry):
        """Asks an identity that gives no token only once: the SDK would go through its whole chain four times."""

        def increment(
            self,
            settings: dict[str, Any],
            request: PipelineRequest[Any],
            response: PipelineResponse[Any, Any] | None = None,
            error: AzureError | None = None,
        ) -> bool:
            if isinstance(error, ClientAuthenticationError):
                return False
            return super().increment(settings, request, response, error)

    return PatientOnlyWithTheService(
        initial_backoff=1,
        increment_base=2,
        random_jitter_range=1,
        retry_total=RETRIES,
        retry_connect=CONNECT_RETRIES,
    )


def _credential(address: ContainerAddress, credentials: StorageCredentials) -> Credential:
    from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential

    if address.sas:
        return AzureSasCredential(address.sas)
    if credentials.connection_string:
        return _from_connection_string(address, credentials.connection_string)
    if credentials.account_key:
        return AzureNamedKeyCredential(address.account, credentials.account_key)
    if credentials.sas_token:
        return AzureSasCredential(credentials.sas_token.lstrip("?"))
    if address.endpoint.startswith("http://"):
        raise SettingsError(
            "there is no credential for the storage account",
            where=address.url,
            expected="AZURE_STORAGE_CONNECTION_STRING, _KEY or _SAS_TOKEN; the identity of this machine needs https",
            hint="set one of them in .env.local",
        )
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential()


def _from_connection_string(address: ContainerAddress, text: str) -> Credential:
    """Take the key or the SAS of a connection string, and refuse one that has neither before it is used."""
    from azure.core.credentials import AzureNamedKeyCredential, AzureSasCredential

    parts = dict(part.split("=", maxsplit=1) for part in text.split(";") if "=" in part)
    names = {name.strip().lower(): value.strip() for name, value in parts.items()}
    account, key, sas = (names.get(name, "") for name in ("accountname", "accountkey", "sharedaccesssignature"))
    problem = ""
    if not key and not sas:
        problem = "it has neither AccountKey nor SharedAccessSignature"
    elif account and account != address.account:
        problem = f"it is for the account {account!r}, and INPUT_URL names {address.account!r}"
    if problem:
        raise SettingsError(
            f"AZURE_STORAGE_CONNECTION_STRING can't be used: {problem}",
            expected="DefaultEndpointsProtocol=https;AccountName=…;AccountKey=…",
            hint="copy it again from the storage account's page, Access keys, into .env.local",
        )
    return AzureNamedKeyCredential(address.account, key) if key else AzureSasCredential(sas.lstrip("?"))


@contextmanager
def _explained(where: str) -> Iterator[None]:
    """Turn the SDK's errors into one sentence each, without URLs that might hold a signature."""
    from azure.core.exceptions import AzureError

    try:
        yield
    except AzureError as error:
        what, hint = _explanation(error)
        # the SDK's own error holds the request, and with it the signature: it must not be chained into a traceback
        explained = CloudError(what, where=where, found=_found(error), hint=hint)
        explained.of_one_file = (what, hint) in (_CHANGED, _ARCHIVED)
        raise explained from None


def _explanation(error: AzureError) -> tuple[str, str]:
    from azure.core import exceptions

    code = str(getattr(error, "error_code", "") or "")
    status = getattr(error, "status_code", None)
    if code in _BY_CODE:
        return _BY_CODE[code]
    if isinstance(error, exceptions.ResourceModifiedError | exceptions.ResourceNotFoundError):
        return _CHANGED
    if isinstance(error, exceptions.ClientAuthenticationError) or status in (401, 403):
        return (
            "the storage account refused the sign-in",
            "check AZURE_STORAGE_CONNECTION_STRING, _KEY or _SAS_TOKEN in .env.local, or `az login`; a SAS needs read"
            " and list rights and may have expired",
        )
    if isinstance(error, exceptions.ServiceRequestError | exceptions.ServiceResponseError):
        return "the storage account can't be reached", "check INPUT_URL and the network"
    return "the storage account did not answer as expected", "run the same command again; what was cloned is kept"


def _found(error: AzureError) -> str:
    code = getattr(error, "error_code", None) or getattr(error, "reason", None)
    if code:
        return one_line(getattr(code, "value", code), limit=120)
    text, _, _ = str(error).partition("with url:")  # a refused connection says why, and then shows the request
    return one_line(text or type(error).__name__, limit=200)


class _SecretFilter(logging.Filter):
    """Takes secrets out of log records."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        record.msg, record.args = redacted(message), ()
        return True


def _hide_signatures() -> None:
    for name in _LOGGERS_WITH_URLS:
        logger = logging.getLogger(name)
        if not any(isinstance(item, _SecretFilter) for item in logger.filters):
            logger.addFilter(_SecretFilter())

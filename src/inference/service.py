"""The frame of a model's web service: which model is served, what is read of a request, and what a wrong one is told.

A model's ``score.py`` is the entry script of Microsoft's inference server: it says how a model is loaded, and how it
answers. Its log is the server's own, and not guarded as the output of a script is: nothing here prints, and errors are
those of `src.common.errors`, which hide secrets themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from src.common.errors import DataError, some_of
from src.common.json_text import from_json
from src.common.manifest import MANIFEST_NAME
from src.common.platform_settings import Settings
from src.common.settings import load_settings

if TYPE_CHECKING:
    from azureml_inference_server_http.api.aml_response import AMLResponse
    from flask import Request

Model = TypeVar("Model")
MOST_BYTES = 16 * 1024**2
"""A request with a longer body is refused before it is read."""


@dataclass
class Service(Generic[Model]):
    """A model that answers requests.

    Attributes:
        settings: The model's settings.
        kind: The kind of folder that a model is, as its manifest says.
        load: Loads the model of a folder. Raises a `DataError` where it can't.
        answer: Makes JSON values of a request's body. Raises a `DataError` where the request is wrong.
        loaded: The model, once `init` has been called.
    """

    settings: type[Settings]
    kind: str
    load: Callable[[Path], Model]
    answer: Callable[[Model, bytes], dict[str, Any]]
    loaded: list[Model] = field(default_factory=list)

    def init(self) -> None:
        """Load the model: that of AZUREML_MODEL_DIR, else ``model/`` in the folder of the model's outputs.

        Raises:
            DataError: There is no model.
            IntegrityError: Its files are not what training wrote.
        """
        settings = load_settings(self.settings, ())
        folder = Path(settings.model_dir) if settings.model_dir else settings.outputs_folder / "model"
        self.loaded[:] = [self.load(find_model_folder(folder, kind=self.kind))]

    def run(self, request: Request) -> Any:
        """Answer one request.

        Args:
            request: The request; its body is JSON.

        Returns:
            JSON values; or, for a request that is wrong, an answer with another status whose ``message`` says what.
        """
        from werkzeug.exceptions import HTTPException

        if request.method != "POST":
            return _refusal("send a POST request with a JSON body", 405, {"Allow": "POST"})
        request.max_content_length = MOST_BYTES
        try:
            return self.answer(self.loaded[0], request.get_data())
        except DataError as error:
            return _refusal(str(error), 400)
        except HTTPException as error:  # the body is too large, or was not sent to its end
            return _refusal(f"{error.description} At most {MOST_BYTES} bytes are read.", error.code or 400)


def find_model_folder(root: Path, *, kind: str) -> Path:
    """Find the model in a folder that may hold it some levels deeper, as a registry or Azure ML lays out a version.

    Args:
        root: The folder.
        kind: The kind of folder that the model is, as its manifest says.

    Raises:
        DataError: There is no model, or more than one.
    """
    if not root.is_dir():
        return root
    found = sorted(path.parent for path in root.rglob(MANIFEST_NAME) if _kind(path) in (kind, ""))
    if len(found) == 1:
        return found[0]
    if not found and (root / MANIFEST_NAME).is_file():
        return root  # who loads it says what it is instead
    names = [path.name for path in found or sorted(root.iterdir())]
    raise DataError(
        "there is not one model in the model folder",
        where=root,
        found=some_of(names) or "an empty folder",
        expected=f"a {MANIFEST_NAME} of a {kind} in it, or in one folder below it",
        hint="register outputs/model/ as the model, or name its folder in AZUREML_MODEL_DIR",
    )


def _kind(manifest: Path) -> str:
    """The kind that a manifest names; empty where it can't be read, which who loads it will say."""
    try:
        document = from_json(manifest.read_bytes())
    except (ValueError, OSError):
        return ""
    return str(document.get("kind", "")) if isinstance(document, Mapping) else ""


def _refusal(message: str, status: int, headers: Mapping[str, str] | None = None) -> AMLResponse:
    from azureml_inference_server_http.api.aml_response import AMLResponse

    return AMLResponse({"message": message}, status, dict(headers or {}), json_str=True)

"""Endpoints of workspace files: ``workspace/…`` and ``workspace-files/…``."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ..errors import ApiError, InvalidParameterValue, ResourceDoesNotExist
from ..files import notebooks
from ..files.tree import Node, NotEmpty, OfBundle, SameFile, WorkspaceTree
from ..files.volume_folder import Parts, join_path, read_chunks
from ..task_process import notebook_files
from .replies import FileBody, RawReply
from .request import Request, Routes, Upload, UploadRoute, read_base64
from .serializers import Json

#: Of a notebook, and of what an import or an export carries in JSON.
MAX_NOTEBOOK_BYTES = 10 * 2**20
MAX_FILE_BYTES = 500 * 2**20

_REFUSED = ("DBC", "HTML", "R_MARKDOWN")
_FORMATS = ("SOURCE", "AUTO", "JUPYTER", "RAW")


class WorkspaceFileEndpoints:
    """Reads and writes notebooks, files and folders."""

    def __init__(self, tree: WorkspaceTree) -> None:
        self._tree = tree
        self.routes: Routes = {
            ("GET", "workspace/get-status"): self.get_status,
            ("GET", "workspace/list"): self.list,
            ("POST", "workspace/mkdirs"): self.mkdirs,
            ("POST", "workspace/delete"): self.delete,
            ("POST", "workspace/import"): self.import_,
            ("GET", "workspace/export"): self.export,
            ("GET", "workspace-files/{path...}"): self.download,
            ("POST", "workspace-files/import-file/{path...}"): UploadRoute(
                self.import_file, MAX_FILE_BYTES
            ),
            ("GET", "repos"): lambda request: {},
        }

    def get_status(self, request: Request) -> Json:
        path = _Path(self._tree, request)
        with _errors(path):
            return path.describe(self._tree.find(path.parts))

    def list(self, request: Request) -> Json:
        """``workspace/list``; of a file, the file itself."""
        path = _Path(self._tree, request)
        with _errors(path):
            node = self._tree.find(path.parts)
            is_folder = node.kind == "DIRECTORY"
            nodes = self._tree.children(path.parts) if is_folder else [node]
            objects = []
            for each in nodes:
                with suppress(FileNotFoundError):  # it may be gone by now
                    objects.append(path.describe(each))
            # As in the service, an empty folder has no field "objects".
            return {"objects": objects} if objects else {}

    def mkdirs(self, request: Request) -> Json:
        path = _Path(self._tree, request)
        with _errors(path):
            self._tree.make(path.parts)
        return {}

    def delete(self, request: Request) -> Json:
        path = _Path(self._tree, request)
        if not path.parts:
            raise ApiError(403, "PERMISSION_DENIED", "The root of the workspace cannot be deleted.")
        with _errors(path):
            self._tree.remove(path.parts, recursive=request.read_bool("recursive"))
        return {}

    def import_(self, request: Request) -> Json:
        """``workspace/import``, of JSON or a form."""
        path = _Path(self._tree, request)
        format_name = _read_format(request)
        content = read_base64(request, "content")
        _check_size(path, len(content))
        overwrite = request.read_bool("overwrite")
        language = request.read_choice("language", notebooks.LANGUAGES)
        with _errors(path):
            self._import(path.parts, format_name, language, content, overwrite)
        return {}

    def import_file(self, request: Upload) -> Json:
        """``workspace-files/import-file/{path}``: a file, or a notebook by its content."""
        path = _Path(self._tree, request, "/" + request.fields["path"].lstrip("/"))
        overwrite = request.read_bool("overwrite")
        head = request.body.read(notebook_files.HEAD_BYTES)
        request.body.seek(0)
        with _errors(path, exists=409):
            name = path.parts[-1] if path.parts else ""
            if notebook_files.is_notebook(name, head):
                _check_size(path, request.length)
                content = request.body.read(request.length)
                self._import(path.parts, "AUTO", "", content, overwrite)
            else:
                chunks = read_chunks(request.body, request.length)
                self._tree.write(path.parts, chunks, overwrite=overwrite)
        return {}

    def export(self, request: Request) -> Json | RawReply:
        """``workspace/export``: JSON, or the content itself with ``direct_download``."""
        path = _Path(self._tree, request)
        format_name = _read_format(request)
        with _errors(path):
            node = self._tree.find(path.parts)
            if node.kind == "DIRECTORY":
                raise InvalidParameterValue(
                    f"Path ({path.text}) is a folder. Export its files one by one."
                )
            if node.kind == "FILE" and request.read_bool("direct_download"):
                return _send(node)
            _check_size(path, node.file.stat().st_size)
            name, content = _convert(node, node.file.read_bytes(), format_name)
        if request.read_bool("direct_download"):
            return RawReply(200, {"Content-Type": "application/octet-stream"}, content)
        file_type = name.rpartition(".")[2] if "." in name else ""
        return {"content": base64.b64encode(content).decode(), "file_type": file_type}

    def download(self, request: Request) -> RawReply:
        """``workspace-files/{path}``: the content of a file or a notebook, as it is kept."""
        path = _Path(self._tree, request, "/" + request.fields["path"].lstrip("/"))
        with _errors(path):
            node = self._tree.find(path.parts)
            if node.kind == "DIRECTORY":
                raise InvalidParameterValue(f"Path ({path.text}) is a folder.")
            return _send(node)

    def _import(
        self, parts: Parts, format_name: str, language: str, content: bytes, overwrite: bool
    ) -> None:
        write_notebook = self._tree.write_notebook
        if format_name == "JUPYTER":
            if not notebooks.is_jupyter(content):
                raise InvalidParameterValue("The content is no Jupyter notebook.")
            write_notebook(parts, notebook_files.JUPYTER_SUFFIX, content, overwrite=overwrite)
        elif format_name == "SOURCE":
            if not language:
                raise InvalidParameterValue(
                    "The language of the notebook is missing. Set 'language', or the format AUTO."
                )
            suffix, source = notebooks.to_source(content, language)
            write_notebook(parts, suffix, source, overwrite=overwrite)
        elif parts and notebook_files.is_notebook(parts[-1], content):
            stem, _, suffix = parts[-1].rpartition(".")
            suffix = "." + suffix.lower()
            write_notebook((*parts[:-1], stem), suffix, content, overwrite=overwrite)
        else:
            self._tree.write(parts, [content], overwrite=overwrite)


class _Path:
    """The path of a request, and how it spells the paths of its reply."""

    def __init__(self, tree: WorkspaceTree, request: Request, text: str | None = None) -> None:
        self.text = request.read_text("path") if text is None else text
        self.parts = tree.parse(self.text)
        is_prefixed = f"{self.text}/".startswith("/Workspace/")
        self._prefix = "/Workspace" if is_prefixed else ""
        self._with_format = request.read_bool("return_export_info")

    def describe(self, node: Node) -> Json:
        document: Json = {
            "object_type": node.kind,
            "path": self._prefix + join_path(node.parts),
            "object_id": node.object_id,
            "resource_id": str(node.object_id),
        }
        if node.kind == "DIRECTORY":
            return document
        status = node.file.stat()
        document |= {
            "created_at": int(status.st_ctime * 1000),
            "modified_at": int(status.st_mtime * 1000),
        }
        if node.kind == "FILE":
            return {**document, "size": status.st_size}
        is_jupyter = node.file.suffix == notebook_files.JUPYTER_SUFFIX
        content = node.file.read_bytes() if is_jupyter else b""
        document["language"] = notebooks.language_of(node.file.name, content)
        if self._with_format:
            document["repos_export_format"] = "JUPYTER" if is_jupyter else "SOURCE"
        return document


def _check_size(path: _Path, size: int) -> None:
    if size > MAX_NOTEBOOK_BYTES:
        message = f"{path.text} is larger than {MAX_NOTEBOOK_BYTES // 2**20} MiB."
        raise ApiError(400, "MAX_NOTEBOOK_SIZE_EXCEEDED", message)


@contextmanager
def _errors(path: _Path, *, exists: int = 400) -> Iterator[None]:
    """Raise errors of files as errors of the API.

    :param exists: the status if there is a file already.
    """
    text = path.text
    try:
        yield
    except FileNotFoundError as error:
        missing = str(error.args[0]) if len(error.args) == 1 else text
        message = f"Path ({text}) doesn't exist."
        if missing != join_path(path.parts):
            message = f"The parent folder ({missing}) does not exist."
        raise ResourceDoesNotExist(message) from None
    except SameFile as error:
        message = f"Path ({text}) already exists: the local workspace keeps it in the same file as "
        message += f"{error}. Delete that, or use another name."
        raise ApiError(exists, "RESOURCE_ALREADY_EXISTS", message) from None
    except FileExistsError:
        message = f"Path ({text}) already exists."
        raise ApiError(exists, "RESOURCE_ALREADY_EXISTS", message) from None
    except NotEmpty:
        raise ApiError(400, "DIRECTORY_NOT_EMPTY", f"Folder ({text}) is not empty") from None
    except OfBundle as error:
        message = f"{text} is a file of the bundle. Change it there: {error}."
        # The Databricks CLI hides the message of a 403 behind advice on permissions.
        raise InvalidParameterValue(message) from None
    except PermissionError as error:
        raise ApiError(403, "PERMISSION_DENIED", str(error)) from None
    except NotADirectoryError:
        raise ResourceDoesNotExist(f"Path ({text}) doesn't exist.") from None
    except OSError as error:
        raise ApiError(400, "IO_ERROR", f"{text}: {error.strerror}.") from None


def _read_format(request: Request) -> str:
    if (name := request.read_text("format")) in _REFUSED:
        raise InvalidParameterValue(
            f"The local workspace has no format {name}. Use one of {', '.join(_FORMATS)}."
        )
    return request.read_choice("format", _FORMATS) or "SOURCE"


def _convert(node: Node, content: bytes, format_name: str) -> tuple[str, bytes]:
    """Return the name and the content of a file or a notebook in a format."""
    name = node.file.name
    is_jupyter = node.file.suffix == notebook_files.JUPYTER_SUFFIX
    if node.kind == "NOTEBOOK" and format_name == "JUPYTER" and not is_jupyter:
        language = notebooks.language_of(name, content)
        return "x.ipynb", notebooks.to_jupyter(content, language)
    if node.kind == "NOTEBOOK" and format_name == "SOURCE" and is_jupyter:
        if not notebooks.is_jupyter(content):
            raise InvalidParameterValue("The content is no Jupyter notebook.")
        suffix, source = notebooks.to_source(
            notebooks.from_jupyter(content), notebooks.language_of(name, content)
        )
        return suffix, source
    return name, content


def _send(node: Node) -> RawReply:
    file = open(node.file, "rb")  # noqa: SIM115 (the reply closes it)
    # Of this file: another one may have its place by now.
    length = os.fstat(file.fileno()).st_size
    headers = {"Content-Type": "application/octet-stream"}
    return RawReply(200, headers, FileBody(file, length))

"""Servers that speak as much of the Hugging Face hub's protocol as reading a data set, or publishing and
loading a model, takes."""

from __future__ import annotations

import json
import re
import threading
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha1, sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

REPO = "someone/news"
COMMIT = "c" * 40


class Answers(BaseHTTPRequestHandler):
    """What both servers answer with."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, status: int, data: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def json(self, value: Any, status: int = 200) -> None:
        self.answer(status, json.dumps(value).encode(), Content_Type="application/json")

    def file(self, data: bytes, etag: str, commit: str) -> None:
        """A file, or the part of it that is asked for."""
        status, extra, total = 200, {}, len(data)
        if given := self.headers.get("Range"):
            start, _, end = given.removeprefix("bytes=").partition("-")
            data, status = data[int(start) : int(end or total) + 1], 206
            extra = {"Content_Range": f"bytes {start}-{int(start) + len(data) - 1}/{total}"}
        self.answer(status, data, ETag=f'"{etag}"', X_Repo_Commit=commit, Accept_Ranges="bytes", **extra)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        raise NotImplementedError


@contextmanager
def serving(handler: type[Answers]) -> Iterator[str]:
    """The address of a server on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def hub_of(files: Mapping[str, bytes]) -> Iterator[str]:
    """Serve the data set `REPO`, which holds `files`; gives the address for HF_ENDPOINT."""

    class Handler(Answers):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path.startswith(f"/api/datasets/{REPO}/tree/{COMMIT}"):
                under = path.removeprefix(f"/api/datasets/{REPO}/tree/{COMMIT}").strip("/")
                self.json(tree(under, "recursive=true" in self.path.casefold()))
            elif path in (f"/api/datasets/{REPO}", f"/api/datasets/{REPO}/revision/{COMMIT}"):
                siblings = [{"rfilename": name} for name in files]
                self.json({"id": REPO, "sha": COMMIT, "siblings": siblings, "tags": []})
            elif path.startswith(f"/api/datasets/{REPO}/revision/"):
                self.answer(404, b"{}", X_Error_Code="RevisionNotFound")
            elif path.startswith(f"/datasets/{REPO}/resolve/{COMMIT}/"):
                name = path.removeprefix(f"/datasets/{REPO}/resolve/{COMMIT}/")
                if name in files:
                    self.file(files[name], sha1(files[name]).hexdigest(), COMMIT)
                else:
                    self.answer(404, X_Error_Code="EntryNotFound")
            elif path.startswith(f"/datasets/{REPO}/resolve/") and path.endswith("/README.md"):
                self.answer(404, b"", X_Error_Code="EntryNotFound")
            else:
                self.answer(404, b"{}", X_Error_Code="RepoNotFound")

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
            wanted = json.loads(sent)["paths"] if sent.startswith("{") else []
            self.json([entry(name) for name in files if name in wanted])

    def entry(name: str) -> dict[str, Any]:
        data = files[name]
        return {"type": "file", "path": name, "size": len(data), "oid": sha1(data).hexdigest()}

    def tree(under: str, deep: bool) -> list[dict[str, Any]]:
        prefix = f"{under}/" if under else ""
        inside = {name: name.removeprefix(prefix).split("/") for name in files if name.startswith(prefix)}
        folders = sorted({prefix + parts[0] for parts in inside.values() if len(parts) > 1})
        found = [{"type": "directory", "path": name, "size": 0, "oid": COMMIT} for name in folders]
        return found + [entry(name) for name, parts in inside.items() if deep or len(parts) == 1]

    with serving(Handler) as address:
        yield address


class ModelHub:
    """Repositories of models, written to and read from as on the hub.

    Attributes:
        commits: Files of each commit by repository, oldest first.
        branches: Commit of each branch, by repository and name.
        objects: Large files that were sent, by SHA-256.
        requests: Method and path of all that was asked.
        broken: How many of the next uploads of a large file break off.
        failing: How many of the next commits end in an error of the server.
        reader: Whether the token may not write.
        secret: Token without which there is nothing to be read; None for public repositories.
    """

    def __init__(self) -> None:
        self.commits: dict[str, dict[str, dict[str, bytes]]] = {}
        self.branches: dict[tuple[str, str], str] = {}
        self.objects: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.private: dict[str, bool] = {}
        self.broken = 0
        self.failing = 0
        self.reader = False
        self.secret: str | None = None

    def files(self, repo: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        commit = self.branches.get((repo, revision), revision)
        return (commit, self.commits[repo][commit]) if commit in self.commits.get(repo, {}) else None

    def commit(self, repo: str, branch: str, files: dict[str, bytes]) -> str:
        name = sha1(repr((repo, branch, len(self.commits[repo]), sorted(files.items()))).encode()).hexdigest()
        self.commits[repo][name] = files
        self.branches[repo, branch] = name
        return name

    def create(self, repo: str, private: bool = False) -> None:
        self.commits[repo] = {}
        self.private[repo] = private
        self.commit(repo, "main", {".gitattributes": b"*.safetensors filter=lfs\n"})

    @contextmanager
    def serve(self) -> Iterator[str]:
        """The address for HF_ENDPOINT."""
        hub = self

        class Handler(Answers):
            def body(self) -> bytes:
                return self.rfile.read(int(self.headers["Content-Length"]))

            def missing(self, what: str) -> None:
                self.answer(404, b"{}", X_Error_Code=f"{what}NotFound")

            def do_GET(self) -> None:
                path = unquote(self.path.partition("?")[0])
                hub.requests.append(f"{self.command} {path}")
                if match := re.fullmatch(
                    r"/api/models/([^/]+/[^/]+)(?:/(?:revision|tree)/([^/]+)(/.*)?)?", path
                ):
                    repo, revision = match[1], match[2] or "main"
                    if repo not in hub.commits or not self.allowed():
                        self.missing("Repo")
                    elif (found := hub.files(repo, revision)) is None:
                        self.missing("Revision")
                    elif "/tree/" in path:
                        under = (match[3] or "").strip("/")
                        inside = [n for n in found[1] if n.startswith(under)]
                        if under and not inside:
                            self.missing("Entry")
                        else:
                            self.json([tree_entry(name, found[1][name]) for name in inside])
                    else:
                        siblings = [{"rfilename": name} for name in found[1]]
                        self.json({"id": repo, "sha": found[0], "siblings": siblings, "tags": []})
                elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
                    found = hub.files(match[1], match[2])
                    if found is None:
                        self.missing("Repo")
                    elif match[3] not in found[1]:
                        self.answer(404, X_Error_Code="EntryNotFound", X_Repo_Commit=found[0])
                    else:
                        data = found[1][match[3]]
                        self.file(data, blob(data), found[0])
                else:
                    self.missing("Repo")

            def allowed(self) -> bool:
                return hub.secret is None or self.headers["Authorization"] == f"Bearer {hub.secret}"

            def do_POST(self) -> None:
                path, sent = unquote(self.path.partition("?")[0]), self.body()
                hub.requests.append(f"POST {path}")
                if path == "/api/validate-yaml":
                    self.json({"errors": [], "warnings": []})
                elif hub.reader:
                    self.json({"error": "You don't have the rights"}, 403)
                elif path == "/api/repos/create":
                    given = json.loads(sent)
                    repo = f"{given.get('organization') or 'me'}/{given['name']}"
                    if repo in hub.commits:
                        self.json({"error": "You already created this model repo", "url": repo}, 409)
                    else:
                        hub.create(repo, given.get("visibility") == "private")
                        self.json({"url": f"http://{self.headers['Host']}/{repo}", "name": repo, "id": repo})
                elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/branch/(.+)", path):
                    if (match[1], match[2]) in hub.branches:
                        self.json({"error": "Reference already exists"}, 409)
                    else:
                        hub.branches[match[1], match[2]] = hub.branches[match[1], "main"]
                        self.json({})
                elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/preupload/(.+)", path):
                    self.preupload(match[1], match[2], json.loads(sent))
                elif path.endswith(".git/info/lfs/objects/batch"):
                    self.json(
                        {"transfer": "basic", "objects": list(map(self.action, json.loads(sent)["objects"]))}
                    )
                elif path == "/lfs/verify":
                    known = json.loads(sent)["oid"] in hub.objects
                    self.json({}, 200 if known else 404)
                elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/(.+)", path):
                    self.commit(match[1], match[2], sent)
                else:
                    self.missing("Repo")

            def do_PUT(self) -> None:
                path, sent = self.path, self.body()
                hub.requests.append(f"PUT {path}")
                if hub.broken:
                    hub.broken -= 1
                    self.answer(400, b"the line broke")
                    return
                assert sha256(sent).hexdigest() == path.removeprefix("/lfs/")
                hub.objects[path.removeprefix("/lfs/")] = sent
                self.answer(200)

            def preupload(self, repo: str, revision: str, given: dict[str, Any]) -> None:
                if (there := hub.files(repo, revision)) is None:
                    self.missing("Revision")
                    return
                rows = []
                for row in given["files"]:
                    mode = "lfs" if row["path"].endswith((".safetensors", ".onnx")) else "regular"
                    data = there[1].get(row["path"])
                    same = (
                        {"oid": blob(data) if mode == "regular" else sha256(data).hexdigest()} if data else {}
                    )
                    rows.append({"path": row["path"], "uploadMode": mode, "shouldIgnore": False, **same})
                self.json({"files": rows})

            def action(self, wanted: dict[str, Any]) -> dict[str, Any]:
                if wanted["oid"] in hub.objects:
                    return wanted
                address = f"http://{self.headers['Host']}/lfs"
                return {
                    **wanted,
                    "actions": {
                        "upload": {"href": f"{address}/{wanted['oid']}"},
                        "verify": {"href": f"{address}/verify"},
                    },
                }

            def commit(self, repo: str, branch: str, sent: bytes) -> None:
                if hub.failing:
                    hub.failing -= 1
                    self.json({"error": "out of order"}, 500)
                    return
                there = hub.files(repo, branch)
                assert there is not None
                files = dict(there[1])
                for row in map(json.loads, sent.decode().splitlines()):
                    value = row["value"]
                    if row["key"] == "file":
                        files[value["path"]] = b64decode(value["content"])
                    elif row["key"] == "lfsFile":
                        files[value["path"]] = hub.objects[value["oid"]]
                    elif row["key"] == "deletedFile":
                        del files[value["path"]]
                name = hub.commit(repo, branch, files)
                address = f"http://{self.headers['Host']}/{repo}/commit/{name}"
                self.json({"success": True, "commitOid": name, "commitUrl": address})

        with serving(Handler) as address:
            yield address


def blob(data: bytes) -> str:
    """What git calls a file."""
    return sha1(f"blob {len(data)}\0".encode() + data).hexdigest()


def tree_entry(name: str, data: bytes) -> dict[str, Any]:
    return {"type": "file", "path": name, "size": len(data), "oid": blob(data)}

"""A server that speaks as much of the Hugging Face hub's protocol as reading a data set takes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

REPO = "someone/news"
COMMIT = "c" * 40


@contextmanager
def hub_of(files: Mapping[str, bytes]) -> Iterator[str]:
    """Serve the data set `REPO`, which holds `files`; gives the address for HF_ENDPOINT."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def answer(self, status: int, data: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def json(self, value: Any) -> None:
            self.answer(200, json.dumps(value).encode(), Content_Type="application/json")

        def do_HEAD(self) -> None:
            self.do_GET()

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
                self.file(path.removeprefix(f"/datasets/{REPO}/resolve/{COMMIT}/"))
            elif path.startswith(f"/datasets/{REPO}/resolve/") and path.endswith("/README.md"):
                self.answer(404, b"", X_Error_Code="EntryNotFound")
            else:
                self.answer(404, b"{}", X_Error_Code="RepoNotFound")

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"])).decode()
            wanted = json.loads(sent)["paths"] if sent.startswith("{") else []
            self.json([entry(name) for name in files if name in wanted])

        def file(self, name: str) -> None:
            if name not in files:
                self.answer(404, b"", X_Error_Code="EntryNotFound")
                return
            data, status, extra = files[name], 200, {}
            total = len(data)
            if given := self.headers.get("Range"):
                start, _, end = given.removeprefix("bytes=").partition("-")
                data, status = data[int(start) : int(end or total) + 1], 206
                extra = {"Content_Range": f"bytes {start}-{int(start) + len(data) - 1}/{total}"}
            etag = f'"{sha1(files[name]).hexdigest()}"'
            self.answer(status, data, ETag=etag, X_Repo_Commit=COMMIT, Accept_Ranges="bytes", **extra)

    def entry(name: str) -> dict[str, Any]:
        data = files[name]
        return {"type": "file", "path": name, "size": len(data), "oid": sha1(data).hexdigest()}

    def tree(under: str, deep: bool) -> list[dict[str, Any]]:
        prefix = f"{under}/" if under else ""
        inside = {name: name.removeprefix(prefix).split("/") for name in files if name.startswith(prefix)}
        folders = sorted({prefix + parts[0] for parts in inside.values() if len(parts) > 1})
        found = [{"type": "directory", "path": name, "size": 0, "oid": COMMIT} for name in folders]
        return found + [entry(name) for name, parts in inside.items() if deep or len(parts) == 1]

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

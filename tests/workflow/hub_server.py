"""A stand-in for the Hugging Face hub on the loopback interface, with faults to order.

It serves folders over the endpoints that the hub's client libraries use: a repository's facts, its
tree, facts of single paths, and files. Large files come, as the hub's do, by a redirect to a second
server ("the CDN"), which must not see the user's token. Commits are given by the test; a commit's
files are those of its folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import struct
import sys
import threading
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlsplit

# What the hub keeps apart from git: listed by SHA-256, served by the CDN.
LARGE = (".safetensors", ".parquet", ".bin")
NEWEST = "main"


class Request(NamedTuple):
    """One request: ``server`` is "hub" or "cdn"; header names are in lower case."""

    server: str
    method: str
    path: str
    headers: dict[str, str]
    status: int


class Hub:
    """The two servers, while the ``with`` block lasts.

    Attributes:
        requests: all that was asked, in order.
        drops: by file name, what becomes of its next downloads: after how many bytes of content
            the connection ends, one number a download.
        abrupt: connections end by a reset, rather than by a regular close.
        altered: by file name, what is served in place of its content.
        busy: by part of a path, how many of the next requests for it get status 503.
        portal: every request gets a web page, as from a network that wants a login first.
        gated: names of repositories for which access must have been granted.
        knows_ranges: whether part of a file can be asked for.
    """

    def __init__(self) -> None:
        self.repositories: dict[tuple[str, str], dict[str, Path]] = defaultdict(dict)
        self.requests: list[Request] = []
        self.drops: dict[str, list[int]] = {}
        self.abrupt = False
        self.altered: dict[str, bytes] = {}
        self.busy: dict[str, int] = {}
        self.portal = False
        self.gated: set[str] = set()
        self.knows_ranges = True
        self.lock = threading.Lock()
        self.mistakes: list[BaseException] = []
        self._servers = [self._serve(name) for name in ("hub", "cdn")]
        self.endpoint, self.cdn = (f"http://127.0.0.1:{s.server_port}" for s in self._servers)

    def _serve(self, name: str) -> ThreadingHTTPServer:
        handler = type("Handler", (_Handler,), {"hub": self, "name": name})
        server = _Server(("127.0.0.1", 0), handler)
        server.mistakes = self.mistakes
        # Ending it waits for one look at whether it is to end.
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return server

    def __enter__(self) -> Hub:
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()
        assert self.mistakes == []

    def add(self, kind: str, name: str, folder: Path, commit: str) -> None:
        """Serve a folder as a commit of a "model" or "dataset"; the last one added is newest."""
        self.repositories[kind, name] |= {commit: folder, NEWEST: folder}
        self.repositories[kind, name].setdefault("commits", {})[folder] = commit

    def asked(self, method: str, end: str = "", server: str | None = None) -> list[Request]:
        """Requests with a method whose path ends so."""
        return [
            request
            for request in self.requests
            if request.method == method
            and request.path.endswith(end)
            and server in (None, request.server)
        ]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    mistakes: list[BaseException]

    def handle_error(self, request: object, client_address: object) -> None:
        error = sys.exc_info()[1]
        # Clients that are killed hang up.
        if not isinstance(error, ConnectionError):
            self.mistakes.append(error)


class _Refusal(Exception):
    def __init__(self, status: int, code: str = "", message: str = ""):
        self.status, self.code, self.message = status, code, message


def _git_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def _entry(folder: Path, path: Path, expand: bool) -> dict[str, Any]:
    """A file or folder as the tree lists it."""
    name = path.relative_to(folder).as_posix()
    more = {"lastCommit": {"id": "0" * 40, "title": "all", "date": "2024-01-01T00:00:00.000Z"}}
    more = more if expand else {}
    if path.is_dir():
        return {"type": "directory", "oid": "0" * 40, "size": 0, "path": name, **more}
    content = path.read_bytes()
    entry = {"type": "file", "size": len(content), "path": name, **more}
    if path.suffix not in LARGE:
        return {**entry, "oid": _git_sha1(content)}
    digest = hashlib.sha256(content).hexdigest()
    lfs = {"oid": digest, "size": len(content), "pointerSize": 130}
    return {**entry, "oid": _git_sha1(digest.encode()), "lfs": lfs}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub
    name: str

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer()

    do_HEAD = do_POST = do_GET

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            with self.hub.lock:
                for part, left in self.hub.busy.items():
                    if part in self.path and left:
                        self.hub.busy[part] -= 1
                        raise _Refusal(503)
            if self.hub.portal:
                self._send(200, b"<html>Who are you?</html>")
            elif self.name == "cdn":
                self._send_file(Path(unquote(urlsplit(self.path).path)))
            elif self.path.startswith("/api/"):
                self._send(200, json.dumps(self._facts(body)).encode())
            else:
                self._resolve()
        except _Refusal as refusal:
            headers = {"X-Error-Code": refusal.code, "X-Error-Message": refusal.message}
            self._send(refusal.status, b"", {key: value for key, value in headers.items() if value})

    def _folder(self, kind: str, name: str, revision: str) -> tuple[Path, str]:
        revisions = self.hub.repositories.get((kind, name))
        if revisions is None:
            # Anonymous users are told no more than this.
            raise _Refusal(401, "RepoNotFound", "Repository not found")
        if name in self.hub.gated:
            raise _Refusal(403, "GatedRepo", "Access to it is restricted")
        if revision not in revisions or revision == "commits":
            raise _Refusal(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        folder = revisions[revision]
        return folder, revisions["commits"][folder]

    def _facts(self, body: bytes) -> Any:
        url = urlsplit(self.path)
        parts = [unquote(part) for part in url.path.split("/")[2:]]
        if len(parts) < 3 or parts[0] not in ("models", "datasets"):
            raise _Refusal(404)
        kind, name = parts[0][:-1], f"{parts[1]}/{parts[2]}"
        what, revision, *below = [*parts[3:], NEWEST, NEWEST][:2] + parts[5:]
        folder, commit = self._folder(kind, name, revision)
        if what == "tree":
            query = parse_qs(url.query)
            place = folder.joinpath(*below)
            if not place.is_dir():
                raise _Refusal(404, "EntryNotFound", "Entry not found")
            pattern = "**/*" if query.get("recursive") in (["true"], ["True"]) else "*"
            expand = query.get("expand") in (["true"], ["True"])
            return [_entry(folder, path, expand) for path in sorted(place.glob(pattern))]
        if what == "paths-info":
            form = parse_qs(body.decode())
            places = [folder / path for path in form["paths"]]
            expand = form.get("expand") in (["true"], ["True"])
            return [_entry(folder, place, expand) for place in places if place.exists()]
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        return {
            "_id": "0",
            "id": name,
            "sha": commit,
            "private": False,
            "tags": [],
            "downloads": 0,
            "siblings": [{"rfilename": path.relative_to(folder).as_posix()} for path in files],
        }

    def _resolve(self) -> None:
        parts = [unquote(part) for part in urlsplit(self.path).path.split("/")[1:]]
        kind = "dataset" if parts[0] == "datasets" else "model"
        first, last, resolve, revision, *path = parts[kind == "dataset" :] + [""] * 4
        if resolve != "resolve":
            raise _Refusal(404)
        folder, commit = self._folder(kind, f"{first}/{last}", revision)
        place = folder.joinpath(*path)
        if not place.is_file():
            raise _Refusal(404, "EntryNotFound", "Entry not found")
        facts = {"X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        entry = _entry(folder, place, expand=False)
        if "lfs" in entry:
            facts |= {"X-Linked-Etag": f'"{entry["lfs"]["oid"]}"', "ETag": '"of-the-redirect"'}
            facts |= {"X-Linked-Size": str(entry["size"])}
            self._send(302, b"", {**facts, "Location": self.hub.cdn + quote(str(place))})
        else:
            self._send_file(place, {**facts, "ETag": f'"{entry["oid"]}"'})

    def _send_file(self, path: Path, facts: dict[str, str] | None = None) -> None:
        content = self.hub.altered.get(path.name) or path.read_bytes()
        status, start, headers = 200, 0, dict(facts or {})
        asked = self.headers.get("Range")
        if asked and self.hub.knows_ranges:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                raise _Refusal(416)
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            status = 206
        cut = None
        if self.command == "GET":
            with self.hub.lock:
                cut = (self.hub.drops.get(path.name) or [None]).pop(0)
        self._send(status, content[start:], headers, cut)

    def _send(
        self,
        status: int,
        body: bytes,
        facts: dict[str, str] | None = None,
        cut: int | None = None,
    ) -> None:
        sent = {name.lower(): value for name, value in self.headers.items()}
        self.hub.requests.append(Request(self.name, self.command, self.path, sent, status))
        self.send_response(status)
        for name, value in {**(facts or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(body[:cut])
        if cut is not None:
            self.close_connection = True
            if self.hub.abrupt:
                # Closed with nothing lingering, a socket sends a reset.
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                os.close(self.connection.detach())

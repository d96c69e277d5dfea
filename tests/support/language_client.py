"""An editor for tests: starts `gmlang lsp` and speaks its protocol over pipes."""

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import IO, Any

WAIT_S = 120.0
"""Longer than anything takes on a busy machine; a server that says nothing fails the test."""

Json = dict[str, Any]

CAPABILITIES: Json = {
    "textDocument": {
        "rename": {"prepareSupport": True},
        "hover": {"contentFormat": ["markdown", "plaintext"]},
        "documentSymbol": {"hierarchicalDocumentSymbolSupport": True},
    }
}


class Refused(Exception):
    """The server answered with an error."""


class Client:
    """A session with a server of its own."""

    def __init__(self, *, options: Mapping[str, Any] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gmlang", "lsp", "--stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        stdin, stdout, stderr = self.process.stdin, self.process.stdout, self.process.stderr
        assert stdin is not None
        assert stdout is not None
        assert stderr is not None
        self.stdin = stdin
        self.messages: queue.Queue[Json | None] = queue.Queue()
        self.notes: list[Json] = []
        self.answers: dict[int, Json] = {}
        self.errors: list[str] = []
        self.last = 0
        self.versions: dict[str, int] = {}
        self.threads = [
            threading.Thread(target=self._read, args=(stdout,), daemon=True),
            threading.Thread(target=self._listen, args=(stderr,), daemon=True),
        ]
        for thread in self.threads:
            thread.start()
        self.capabilities: Json = self.ask(
            "initialize",
            {"processId": None, "rootUri": None, "capabilities": CAPABILITIES, **(options or {})},
        )["capabilities"]
        self.tell("initialized", {})

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            while True:
                length = 0
                while (line := stream.readline()) not in (b"\r\n", b""):
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                if not length:
                    self.messages.put(None)
                    return
                self.messages.put(json.loads(stream.read(length)))

    def _listen(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                self.errors.append(line.decode("utf-8", "replace"))

    def _write(self, message: Json) -> None:
        content = json.dumps({"jsonrpc": "2.0", **message}).encode("utf-8")
        self.stdin.write(b"Content-Length: %d\r\n\r\n" % len(content) + content)
        self.stdin.flush()

    def tell(self, method: str, params: Json | None) -> None:
        """Send a notification."""
        self._write({"method": method, "params": params})

    def send(self, method: str, params: Json | None) -> int:
        """Send a request without waiting."""
        self.last += 1
        self._write({"id": self.last, "method": method, "params": params})
        return self.last

    def ask(self, method: str, params: Json | None) -> Any:
        """Return the answer to a request."""
        return self.answer(self.send(method, params))

    def answer(self, number: int) -> Any:
        """Return the answer to a request sent before."""
        found = self.outcome(number)
        if "error" in found:
            raise Refused(found["error"]["message"])
        return found["result"]

    def outcome(self, number: int) -> Json:
        """Return what became of a request: its result or an error."""
        while number not in self.answers:
            self._next()
        return self.answers.pop(number)

    def _next(self) -> None:
        message = self.messages.get(timeout=WAIT_S)
        assert message is not None, "".join(self.errors)
        if "method" not in message:
            self.answers[message["id"]] = message
        elif "id" in message:
            self._write({"id": message["id"], "result": None})
        else:
            self.notes.append(message)

    def open(self, uri: str, text: str) -> None:
        """Open a text."""
        self.versions[uri] = 1
        item = {"uri": uri, "languageId": "gmlang", "version": 1, "text": text}
        self.tell("textDocument/didOpen", {"textDocument": item})

    def change(self, uri: str, *changes: Json) -> None:
        """Type something."""
        self.versions[uri] += 1
        document = {"uri": uri, "version": self.versions[uri]}
        changed = {"textDocument": document, "contentChanges": list(changes)}
        self.tell("textDocument/didChange", changed)

    def diagnostics(self, uri: str, version: int | None = None) -> list[Json]:
        """Return what is said of a text, in the version it has now."""
        version = self.versions[uri] if version is None else version
        while True:
            for note in self.notes:
                params = note["params"]
                if (
                    note["method"] == "textDocument/publishDiagnostics"
                    and params["uri"] == uri
                    and params.get("version") == version
                ):
                    self.notes.remove(note)
                    return params["diagnostics"]
            self._next()

    def at(self, method: str, uri: str, line: int, column: int, **more: Any) -> Any:
        """Ask about a place."""
        position = {"line": line, "character": column}
        params = {"textDocument": {"uri": uri}, "position": position, **more}
        return self.ask(f"textDocument/{method}", params)

    def about(self, method: str, uri: str, **more: Any) -> Any:
        """Ask about a text."""
        return self.ask(f"textDocument/{method}", {"textDocument": {"uri": uri}, **more})

    def leave(self) -> int:
        """Say goodbye; return the server's status."""
        self.ask("shutdown", None)
        self.tell("exit", None)
        self.stdin.close()
        status = self.process.wait(WAIT_S)
        for thread in self.threads:
            thread.join(WAIT_S)
        return status


def place(line: int, start: int, end: int) -> Json:
    """Return a range within a line."""
    return {
        "start": {"line": line, "character": start},
        "end": {"line": line, "character": end},
    }


def apply(text: str, edits: Sequence[Json]) -> str:
    """Apply edits to a text of plain characters."""
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)

    def offset(position: Json) -> int:
        return min(starts[position["line"]] + position["character"], len(text))

    ordered = sorted(edits, key=lambda edit: offset(edit["range"]["start"]), reverse=True)
    for edit in ordered:
        start, end = offset(edit["range"]["start"]), offset(edit["range"]["end"])
        text = text[:start] + edit["newText"] + text[end:]
    return text

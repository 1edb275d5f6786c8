"""Licences over HTTP on a port of this computer, by Python's own server (`title licence serve`)."""

import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import typer
from headend.titles.licence_server import MESSAGE_LIMIT, LicenceServer, RefusedError
from settop.errors import LocalError, RemoteError

HERE = "127.0.0.1"
IDLE_S = 30
_ALLOWED = {"Access-Control-Allow-Methods": "GET, POST", "Access-Control-Allow-Headers": "content-type"}


class LicenceHttp(ThreadingHTTPServer):
    """`core` on a port of this computer (0: any); pages of `origin` may ask beside those of its own. Raises OSError."""

    daemon_threads = True

    def __init__(self, core: LicenceServer, port: int, origin: str | None) -> None:
        super().__init__((HERE, port), _Handler)
        self._core = core
        self._lock = threading.Lock()
        self._origins = {None, origin}

    def admits(self, host: str | None, origin: str | None) -> bool:
        """Not a page of somewhere else, nor one that calls this computer by a name of its own (DNS rebinding)."""
        return host in {f"{name}:{self.server_port}" for name in (HERE, "localhost")} and origin in self._origins

    def answer(self, session: str, message: bytes | None) -> tuple[int, bytes]:
        """(status, body); without a message the session is loaded."""
        now_ms = time.time_ns() // 1_000_000
        try:
            with self._lock:
                if message is None:
                    return HTTPStatus.OK, self._core.load(session, now_ms)
                return HTTPStatus.OK, self._core.answer(message, now_ms, session)
        except RefusedError as error:
            return HTTPStatus.FORBIDDEN, f"{error}\n".encode()
        except RemoteError as error:
            return HTTPStatus.BAD_REQUEST, f"{error}\n".encode()
        except (LocalError, OSError) as error:
            typer.echo(f"ringcast title licence serve: {error}", err=True)
            return HTTPStatus.INTERNAL_SERVER_ERROR, b"the session cannot be kept\n"

    def handle_error(self, request: object, client_address: object) -> None:
        """A player that went away is no news."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    server: LicenceHttp
    timeout = IDLE_S

    def do_GET(self) -> None:
        if self._is_admitted():
            self._send(*self.server.answer(self.path[1:], None))

    def do_POST(self) -> None:
        if not self._is_admitted():
            return
        text = self.headers.get("Content-Length", "")
        if not (text.isascii() and text.isdigit()):
            return self._send(HTTPStatus.LENGTH_REQUIRED, b"a message says how long it is\n")
        if len(text) > 9 or int(text) > MESSAGE_LIMIT:
            return self._send(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"up to {MESSAGE_LIMIT} bytes are read\n".encode())
        message = self.rfile.read(int(text))
        if len(message) == int(text):
            self._send(*self.server.answer(self.path[1:], message))

    def do_OPTIONS(self) -> None:
        if self._is_admitted():
            self._send(HTTPStatus.NO_CONTENT, b"", _ALLOWED)

    def _is_admitted(self) -> bool:
        admitted = self.server.admits(self.headers.get("Host"), self.headers.get("Origin"))
        if not admitted:
            self._send(HTTPStatus.FORBIDDEN, b"not for this page: see --origin\n")
        return admitted

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        given = {
            "Content-Type": "application/json" if status == HTTPStatus.OK else "text/plain; charset=utf-8",
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            **(headers or {}),
        }
        origin = self.headers.get("Origin")
        if origin is not None and self.server.admits(self.headers.get("Host"), origin):
            given |= {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
        for name, value in given.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: paths have sessions."""

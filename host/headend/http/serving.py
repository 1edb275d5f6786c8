"""An ASGI application behind a port, by uvicorn: limits, a log without secrets, an end that loses no request."""

import asyncio
import logging
import logging.config
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from settop.errors import LocalError
from uvicorn.protocols.http.h11_impl import H11Protocol

from headend.stopping import STOP_SIGNALS

CONNECTIONS_LIMIT = 256
"""Connections and requests at once; whoever comes then is told 503."""
HEAD_WITHIN_S = 10.0
"""A connection on which nobody has asked anything for so long is closed."""
KEPT_S = 15
HEAD_LIMIT = 16_384
END_WITHIN_S = 10
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES"


class Patient(H11Protocol):
    """uvicorn's own, with a limit to the time in which a request's head must come."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As in asyncio.Protocol."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """As in asyncio.Protocol."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """As in asyncio.Protocol."""
        self._rest()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._rest()
        elif self._waiting is None:
            self._waiting = self.loop.call_later(HEAD_WITHIN_S, self._over)

    def _rest(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _over(self) -> None:
        self._waiting = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()


class _Server(uvicorn.Server):
    """Ends by SIGHUP as by the other two, and then comes back to who called."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals end the serving, the second one at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
        before = {number: handler for number, handler in before.items() if handler not in (signal.SIG_IGN, None)}
        try:
            for number in before:
                signal.signal(number, self.handle_exit)
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """As in uvicorn, for any signal."""
        self.force_exit = self.should_exit
        self.should_exit = True


class _WithoutQuery(logging.Filter):
    """What somebody looked for, or put there by mistake, is not for the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(one.partition("?")[0] if isinstance(one, str) else one for one in record.args)
        return True


def log_to_stderr() -> None:
    """Each request, and what failed, a line each on standard error."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(message)s"}},
            "filters": {"no query": {"()": _WithoutQuery}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "loggers": {
                "uvicorn.error": {"level": "WARNING", "handlers": ["stderr"]},
                "uvicorn.access": {"level": "INFO", "handlers": ["stderr"], "filters": ["no query"]},
                "ringcast": {"level": "INFO", "handlers": ["stderr"]},
            },
        }
    )


def serve(
    app: Any,
    host: str,
    port: int,
    tls: tuple[Path, Path] | None,
    ready: Callable[[str], None],
) -> None:
    """Serves until a signal comes; then requests that have begun are finished. tls: certificate and key, PEM;
    ready: hears the URL when the port is open (port 0: any free one).

    Raises LocalError where certificate and key do not fit, OSError for the port.
    """
    config = uvicorn.Config(
        app,
        http=Patient,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=CONNECTIONS_LIMIT,
        backlog=CONNECTIONS_LIMIT,
        timeout_keep_alive=KEPT_S,
        timeout_graceful_shutdown=END_WITHIN_S,
        h11_max_incomplete_event_size=HEAD_LIMIT,
        ssl_certfile=None if tls is None else tls[0],
        ssl_keyfile=None if tls is None else tls[1],
        ssl_ciphers=CIPHERS,
    )
    try:
        config.load()
    except ssl.SSLError as error:
        raise LocalError(f"certificate and key cannot be used: {error.reason or 'they are none'}") from None
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((host, port))
            listening.listen(CONNECTIONS_LIMIT)  # whoever comes from now on waits
        except OSError as error:
            raise LocalError(f"cannot listen at {host} port {port}: {error.strerror or error}") from None
        shown = f"[{host}]" if family == socket.AF_INET6 else host
        ready(f"{'http' if tls is None else 'https'}://{shown}:{listening.getsockname()[1]}")
        _Server(config).run(sockets=[listening])

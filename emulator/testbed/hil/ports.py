"""Where every port of a board is opened, be it a device or a URL, with what each kind can do; and why one cannot be.

| URL | rate | DTR, RTS | ours alone | write time-out |
|---|---|---|---|---|
| a device, `alt://`, `hwgrep://`, `spy://` | yes | before it opens | yes | yes |
| `rfc2217://HOST:PORT` | yes | as soon as it is open | the server's matter | the network's, 5 s |
| `socket://HOST:PORT` | the server's | the server's | the server's matter | yes |
"""

import contextlib
import errno
import socket
from typing import Any
from urllib.parse import urlsplit

import serial  # type: ignore[import-untyped]
from settop.errors import LocalError

_REMOTE = ("rfc2217", "socket")


class BadUrl(LocalError, ValueError):
    """A URL that never will be one, with what is wrong with it."""


def is_remote(url: str) -> bool:
    """Whether the port is another machine's."""
    return url.partition("://")[0].lower() in _REMOTE and "://" in url


def open_serial(
    url: str,
    baud: int,
    *,
    timeout_s: float,
    write_timeout_s: float,
    dtr: bool | None = None,
    rts: bool | None = None,
) -> Any:
    """An open pyserial port. dtr, rts: None leaves pyserial's own choice, which is on.

    Raises what pyserial does (SerialException, OSError, ValueError), BadUrl among them; `why_not` has words for it.
    """
    if is_remote(url):
        scheme = url.partition("://")[0].lower()
        check_url(url)
        port = _remote_port(scheme)
        port.port, port.baudrate, port.timeout = url, baud, timeout_s
        if scheme != "rfc2217":  # which raises NotImplementedError for any
            port.write_timeout = write_timeout_s
    else:
        port = serial.serial_for_url(url, baud, timeout=timeout_s, write_timeout=write_timeout_s, do_not_open=True)
        with contextlib.suppress(NotImplementedError, AttributeError, ValueError):
            port.exclusive = True  # two programs on one port would each get half
    # Before it is open: some boards take the change of these lines, of either, for a reset.
    if dtr is not None:
        port.dtr = dtr
    if rts is not None:
        port.rts = rts
    try:
        port.open()
    except NotImplementedError as error:
        raise serial.SerialException(f"this kind of port cannot do it: {error}") from error
    return port


def _remote_port(scheme: str) -> Any:
    from testbed.hil.network_port import Rfc2217Port, SocketPort

    return Rfc2217Port() if scheme == "rfc2217" else SocketPort()


def check_url(url: str) -> None:
    """Raises BadUrl for one of another machine's port that lacks what it must have."""
    if not is_remote(url):
        return
    scheme = url.partition("://")[0].lower()
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port is not None
        named = named and not parts.path.strip("/") and parts.username is None
    except ValueError:
        named = False
    if not named:
        raise BadUrl(f"{url} is no {scheme} URL; expected {scheme}://HOST:PORT, such as {scheme}://127.0.0.1:4000")


def why_not(url: str, error: Exception) -> str | None:
    """Why a port of another machine cannot be opened, and what to do: words to stand behind its URL. None for a port
    of this one, for BadUrl, and where there is nothing better to say than pyserial does."""
    if not is_remote(url) or isinstance(error, BadUrl):
        return None
    host = urlsplit(url).netloc
    cause = error.__context__
    number = getattr(cause, "errno", None)
    text = str(error)
    if isinstance(cause, socket.gaierror):
        return f"no machine {urlsplit(url).hostname} is known: is the name spelt right?"
    if number == errno.ECONNREFUSED:
        return "nothing listens there: start the server that has the board's port, or name another HOST:PORT"
    if number in (errno.EHOSTUNREACH, errno.ENETUNREACH) or isinstance(cause, TimeoutError):
        return "that machine does not answer: is it on, is HOST right, does a firewall let the port through?"
    if "does not seem to support RFC2217" in text or "does not speak telnet" in text:
        return f"no RFC 2217 server is there; where the server passes octets on as they are, say socket://{host}"
    if "'control'" in text:
        return "the server does not set control lines: put ?ign_set_control at the end of the URL"
    if "'baudrate'" in text or "parameter change" in text:
        return "the server does not set this rate on its port: is the port there, is the rate one that it has?"
    if "'purge'" in text:
        return f"the server does not empty its buffers as RFC 2217 has it; socket://{host} may do, where it has that"
    return None


def broke(url: str, words: str) -> str:
    """A line for a port that was open and is lost, and what to do. words: of whoever noticed."""
    if is_remote(url):
        return (
            f"the connection to {url} broke ({words}): see that its server runs and has the board's port, then say "
            "the same again"
        )
    return f"the line to the board broke ({words}); plug the cable in and say the same again"


def in_vain(error: Exception) -> bool:
    """Whether another try would end the same way: the URL or the machine's name is wrong."""
    return isinstance(error, ValueError) or isinstance(error.__context__, socket.gaierror)

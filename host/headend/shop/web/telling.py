"""A seller's notice on its way to the shop, by HTTP (RFC 9110) with Python's own client."""

import http.client
import logging
import ssl
import urllib.parse
from pathlib import Path

from settop.errors import LocalError

from headend.shop.web.till import REFUSED, TOLD, WAITING

NOTICES = "/api/notices"
WITHIN_S = 10.0
_FINAL = (404, 409)
"""The order is unknown, or paid by another notice: that does not change."""

_log = logging.getLogger("ringcast.till")


class Messenger:
    """url: the shop's, such as https://shop.example:8443. authority: who vouches for it, a certificate in DER or PEM;
    without one the system's authorities do.

    Raises LocalError for a URL or an authority that is none, OSError.
    """

    def __init__(self, url: str, authority: Path | None = None) -> None:
        try:
            found = urllib.parse.urlsplit(url)
            port = found.port
            host = found.hostname if found.scheme in ("http", "https") and not found.username else None
        except ValueError:  # brackets that hold no address, a port that is no number
            host = None
        if not host:
            raise LocalError(f"{url[:100]!r} is no URL of a shop: https://NAME:PORT")
        self._host, self._port, self._path = host, port, found.path.rstrip("/") + NOTICES
        self._context: ssl.SSLContext | None = None
        if found.scheme == "https":
            data = None if authority is None else authority.read_bytes()
            pem = data.decode("ascii") if data is not None and data.startswith(b"-----") else None
            try:
                self._context = ssl.create_default_context(cadata=pem or data)
            except ssl.SSLError:
                raise LocalError(f"{authority} is no certificate") from None

    def __call__(self, notice: bytes) -> str:
        """TOLD, WAITING or REFUSED (headend.shop.web.till). Raises nothing."""
        if self._context is None:
            line = http.client.HTTPConnection(self._host, self._port, timeout=WITHIN_S)
        else:
            line = http.client.HTTPSConnection(self._host, self._port, timeout=WITHIN_S, context=self._context)
        try:
            line.request("POST", self._path, notice, {"Content-Type": "application/octet-stream"})
            status = line.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            _log.warning("the shop is not told yet: %s", error)
            return WAITING
        finally:
            line.close()
        if status == 200:
            return TOLD
        _log.warning("the shop answers a notice with status %d", status)
        return REFUSED if status in _FINAL else WAITING

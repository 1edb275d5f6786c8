"""A title's octets from a server, by ranges: what there is no room for stays there. The link is the network service's
(settop.services.network.service)."""

from settop.codec.kernels import copy
from settop.errors import LocalError

PIECE_BYTES = 512
LONGEST_MS = 86400000  # a paused title waits
LIMIT = (1 << 30) - 1
NO_LINK = "the network is gone"
_WHO = "titles"
_NONE = ("none", "down", "failed")


class WebSource:
    """network: the service, or None. piece[at:end]: what is to be taken next; whoever takes it moves `at` on. `done`:
    no more follows; `why`: what went wrong, or "".

    A piece is copied, and not taken in the midst of a transfer: a board's stack is small.

    LocalError: there is no network. RemoteError: no URL.
    """

    def __init__(self, network, url, now_ms):
        if network is None:
            raise LocalError("this board starts no network: it plays titles of its file system")
        self.piece = bytearray(PIECE_BYTES)
        self.at = self.end = 0
        self.done = False
        self.why = ""
        self._network = network
        self._url = url
        network.want(_WHO, now_ms)
        try:
            if network.state in _NONE:
                raise LocalError("there is no network: say network up, or network dial NUMBER")
            self._fetch = network.fetcher()
        except Exception:
            network.leave(_WHO, now_ms)
            raise

    def begin(self, place, now_ms):
        """From octet `place` on. Raises as settop.net.fetch.Fetch.get."""
        self.at = self.end = 0
        self.done = False
        self._fetch.give_up()
        self._fetch.get(self._url, self._give, now_ms, limit=LIMIT, longest_ms=LONGEST_MS, start=place)

    def step(self, now_ms):
        """What has come, where the last piece was taken. Returns when it wants to be called again, or None."""
        if self.done or self.why:
            return None
        due_ms = self._fetch.step(now_ms)
        if self._fetch.state == "done":
            self.done = True
        elif self._fetch.state == "failed":
            self.why = self._fetch.failure
        elif self._network.state in _NONE:
            self.why = NO_LINK
        return due_ms

    def close(self, now_ms):
        self._fetch.give_up()
        self._network.leave(_WHO, now_ms)

    def _give(self, view, at):
        if self.at < self.end:
            return 0
        count = min(len(view), PIECE_BYTES)
        copy(view, 0, self.piece, count)
        self.at = 0
        self.end = count
        return count

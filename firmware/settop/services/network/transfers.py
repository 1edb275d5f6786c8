"""The console's transfers, `fetch` and `upload`, one at a time: what came is hashed and dropped.

Events: `fetched octets=N ms=N status=N sha256=HEX`, `uploaded ...` of so many octets, with the answer's hash;
`fetch_failed octets=N status=N TEXT`, `upload_failed ...`, where octets are those of the answer.
"""

import hashlib
from gc import collect

from settop.errors import LocalError

LONGEST_MS = 3600000
NO_LINK = "the network is gone"
NO_MEMORY = "there is no memory for it"


class Transfers:
    """fetch: a settop.net.fetch.Fetch. report(event, text): tells the viewer."""

    def __init__(self, fetch, report):
        self._fetch = fetch
        self._report = report
        self._word = ""  # what is under way
        self._sent = 0
        self._since_ms = 0
        self._hash = None

    @property
    def busy(self):
        return bool(self._word)

    def fetch(self, url, now_ms):
        """Raises LocalError while another one runs, RemoteError for a URL that is none."""
        self._check()
        self._fetch.get(url, self._sink, now_ms, longest_ms=LONGEST_MS)
        self._begin("fetch", 0, now_ms)

    def upload(self, url, octets, now_ms):
        """POST of so many octets: number i is (i * 31 + 7) & 255. Raises as fetch."""
        self._check()
        collect()
        try:
            body = bytearray(octets)
        except MemoryError:
            raise LocalError(NO_MEMORY)
        period = bytes([at * 31 + 7 & 255 for at in range(256)])
        for at in range(0, octets, 256):
            body[at : at + 256] = period[: min(256, octets - at)]
        self._fetch.post(url, body, self._sink, now_ms, longest_ms=LONGEST_MS)
        self._begin("upload", octets, now_ms)

    def step(self, now_ms, possible):
        """possible: there is a link, or there may be one again. Returns when it wants to be called at the latest; None
        where it wants nothing, and has no connection any more."""
        try:
            due_ms = self._fetch.step(now_ms)
        except MemoryError:
            due_ms = None
            self.end(NO_MEMORY, now_ms)
            collect()
        if self._word and not possible:
            self.end(NO_LINK, now_ms)
        if self._word and self._fetch.state in ("done", "failed"):
            self._tell(self._fetch.failure, now_ms)
            return now_ms  # the connection may be kept: the next step says until when
        return due_ms

    def end(self, why, now_ms):
        """Ends what runs, if anything, and the connection."""
        self._fetch.give_up()
        if self._word:
            self._tell(why, now_ms)

    def _check(self):
        if self._word:
            raise LocalError("a transfer is under way: one at a time")

    def _begin(self, word, octets, now_ms):
        self._word = word
        self._sent = octets
        self._since_ms = now_ms
        self._hash = hashlib.sha256()

    def _sink(self, view, at):
        self._hash.update(view)
        return len(view)

    def _tell(self, failure, now_ms):
        fetch, word = self._fetch, self._word
        self._word = ""
        status = fetch.status or 0
        if fetch.state == "done":
            octets = self._sent if word == "upload" else fetch.got
            digest = self._hash.digest().hex()
            words = (octets, now_ms - self._since_ms, status, digest)
            self._report(word + "ed", "octets=%d ms=%d status=%d sha256=%s" % words)
        else:
            self._report(word + "_failed", "octets=%d status=%d %s" % (fetch.got, status, failure))
        self._hash = None

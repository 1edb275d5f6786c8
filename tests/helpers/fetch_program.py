"""Fetches with settop on whatever interpreter runs this: PORT_OF_NAMES NOW_S AUTHORITY|- PLAN URL ...

One line for each URL: state|failure|again|status|got|SHA-256 of what came|seconds known since 1970. PLAN: `get`, or
`slow` for a sink that takes little.
"""

import hashlib
import os
import sys
import time
from binascii import hexlify

from settop.net import fetch as transfers
from settop.net.names import Names
from settop.net.tls import Trust
from settop.wire import dns

LIMIT_MS = 60000


def now_ms():
    return time.ticks_ms() if hasattr(time, "ticks_ms") else time.monotonic_ns() // 1000000


def pause():
    if hasattr(time, "sleep_ms"):
        time.sleep_ms(1)
    else:
        time.sleep(0.001)


def main(port, now_s, authority, plan, *urls):
    dns.PORT = int(port)  # the tests' name service has no right to the usual one
    transfers.FIRST_PAUSE_MS = 40
    trust = None
    if authority != "-":
        with open(authority, "rb") as file:
            trust = Trust(file.read(), int(now_s))
    names = Names(("127.0.0.1",), os.urandom)
    fetch = transfers.Fetch(names, os.urandom, trust=trust)
    for url in urls:
        digest = hashlib.sha256()
        offered = [0]

        def sink(view, at, digest=digest, offered=offered):
            offered[0] += 1
            if plan == "slow" and offered[0] % 3:
                return 0
            digest.update(view)
            return len(view)

        fetch.get(url, sink, now_ms(), longest_ms=LIMIT_MS)
        while fetch.state not in ("done", "failed"):
            fetch.step(now_ms())
            pause()
        known_s = trust.now_s if trust else 0
        words = [fetch.state, fetch.failure, int(fetch.again), fetch.status or 0, fetch.got]
        words += [hexlify(digest.digest()).decode(), known_s]
        print("|".join([str(word) for word in words]))


main(*sys.argv[1:])

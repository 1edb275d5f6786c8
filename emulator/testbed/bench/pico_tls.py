"""How long the Pico takes to agree on TLS with a server whose certificate it checks."""

import ssl
import tempfile
from contextlib import closing
from pathlib import Path

from testbed.bench.figure import Figure
from testbed.bench.network_rig import BRING_UP, NetworkRig
from testbed.machines.base import MachineError
from testbed.network.certificates import certificate
from testbed.network.secured import Secured
from testbed.network.tcp.connection import Connection
from testbed.runtimes.find import network_image
from testbed.runtimes.image import Image

SERVER, NAME = "203.0.113.7", "films.example"
LIMIT_MS = 1300
TIMES = 3
_DAY_S = 86_400
_NOW_S = 1_780_000_000

_PROGRAM = """
import sys
sys.path.append("/lib")
from settop.net.board_clock import set_clock
from settop.net.connection import Connection
from settop.net.sockets import Sockets
from settop.net.tls import Trust
trust = Trust(%(authority)r, %(now_s)d, set_clock=set_clock)
for _ in range(%(times)d):
    gc.collect()
    free = gc.mem_free()
    line = Connection(Sockets(), %(server)r, 443, time.ticks_ms(), trust, %(name)r)
    while line.state == "connecting":
        board.network_step()
        line.step(time.ticks_ms())
    gc.collect()
    began = time.ticks_us()
    while line.state == "open" and not line.send(b"?"):
        board.network_step()
    print("shook", time.ticks_diff(time.ticks_us(), began), line.failure)
    gc.collect()
    print("heap", free - gc.mem_free())
    line.close()
    turn(50)
print("over")
"""


class _Listener:
    """Takes what comes and says nothing."""

    def opened(self, conn: Connection) -> None:
        pass

    def received(self, conn: Connection, data: bytes) -> None:
        pass

    def closed(self, conn: Connection) -> None:
        conn.close()


def tls_handshake_ms(image: Image | None = None) -> Figure:
    """The longest of three. MachineError: there was no agreement."""
    first_s, last_s = _NOW_S - 90 * _DAY_S, _NOW_S + 90 * _DAY_S
    authority = certificate("authority", first_s, last_s, authority=True)
    server = certificate(NAME, first_s, last_s, (NAME,), authority)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory(prefix="ringcast-bench-") as folder:
        context.load_cert_chain(server.pem_file(Path(folder)))
    made: list[Secured] = []

    def serve() -> Secured:
        made.append(Secured(context, _Listener()))
        return made[-1]

    words = {"authority": authority.der, "now_s": _NOW_S, "times": TIMES, "server": SERVER, "name": NAME}
    with closing(NetworkRig(image or network_image(), BRING_UP + _PROGRAM % words)) as rig:
        rig.network.host(SERVER).serve_tcp(443, serve)
        said = rig.run("over\r\n").splitlines()
    shook = [line.split() for line in said if line.startswith("shook")]
    heap = max(int(line.split()[1]) for line in said if line.startswith("heap"))
    if any(len(words) > 2 for words in shook):
        raise MachineError(f"no agreement on TLS: {' '.join(shook[-1][2:])}")
    took_ms = [int(words[1]) / 1000 for words in shook]
    each = ", ".join(f"{ms:.0f}" for ms in took_ms)
    how = (
        f"settop.net over PPP at 1.5 Mbaud, from the first turn of the handshake to the first octet under "
        f"{made[0].version} ({made[0].cipher}), server and authority with P-256, the chain checked with its dates; "
        f"{TIMES} times ({each} ms), each with random numbers of OpenSSL's; {heap:,} bytes of heap while it is there"
    )
    return Figure("tls_handshake_ms", round(max(took_ms), 1), "ms", float(LIMIT_MS), "lower", how)

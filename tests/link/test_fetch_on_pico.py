"""The terminal's transfers on the emulated Pico over PPP, against Python's own servers behind the bench's network.

Real servers, so real time: a minute, on an image with a network. What they say and do is in test_real_servers.
"""

import ssl
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from testbed.boards import load_board
from testbed.machines.base import TerminalSpec
from testbed.machines.pico import PicoMachine
from testbed.network.bridge import Bridge
from testbed.network.certificates import certificate
from testbed.network.network import GATEWAY, Network
from testbed.runtimes import RuntimeUnavailable, network_image

from tests.link.test_real_servers import CONTENT, DAY_S, Handler, serving, sha256

pytestmark = [pytest.mark.pico, pytest.mark.long]

MS = 1_000_000
LIMIT_S = 300
ADDRESS = "203.0.113.7"
CONFIG = {"WIRES": {0: "network", 1: "tuner"}, "CORES": 1, "SERVICES": ()}

PROGRAM = """
import hashlib, os, sys, time
sys.path.append("/lib")
import board
from settop.net.board_clock import set_clock
from settop.net.fetch import Fetch
from settop.net.link import Link
from settop.net.names import Names
from settop.net.tls import Trust

link = Link(board, os.urandom)
link.want(time.ticks_ms())
names = Names((%(gateway)r,), os.urandom)
for known_s, url in %(urls)r:
    trust = Trust(%(authority)r, known_s, set_clock=set_clock)
    fetch = Fetch(names, os.urandom, trust=trust, link=link)
    digest = hashlib.sha256()
    def sink(view, at):
        digest.update(view)
        return len(view)
    fetch.get(url, sink, time.ticks_ms())
    while fetch.state not in ("done", "failed"):
        link.step(time.ticks_ms())
        fetch.step(time.ticks_ms())
    print("|".join(("+", fetch.state, fetch.failure, str(fetch.got), digest.digest().hex(), str(trust.now_s))))
    fetch.give_up()
print("over")
"""


@pytest.fixture(scope="module")
def image():
    try:
        return network_image()
    except RuntimeUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def run(image, tmp_path):
    """run([(known_s, URL), ...], authority) -> [state, failure, got, SHA-256, known seconds] for each."""
    machines = []

    def play(urls, authority, identity):
        servers = [
            serving(type("Fresh", (Handler,), {"cuts": [9_000, 1, 2048], "asked": []}), *how)
            for how in ((), (identity, tmp_path))
        ]
        network = Network(1)
        host = network.host(ADDRESS)
        network.names.set("shop", ADDRESS)
        network.names.set("other", ADDRESS)
        bridge = Bridge(network)
        for port, server in zip((80, 443), servers, strict=True):
            bridge.tcp(host, port, server.server_address[1])
        words = {"gateway": GATEWAY, "urls": urls, "authority": authority.der}
        files = load_board("pico").files(CONFIG, {"main.py": (PROGRAM % words).encode()})
        machine = PicoMachine(image, TerminalSpec(files=files, wires=("network", "tuner"), seed=b"fetch"))
        machines.append(machine)
        machine.boot()
        line = network.ppp()
        said, now_ns, end_s = "", 0, time.monotonic() + LIMIT_S
        while "over\r\n" not in said:
            assert time.monotonic() < end_s and "Error" not in said, said
            now_ns += MS
            machine.advance(now_ns)
            line.receive(machine.take("network"), now_ns)
            bridge.advance(now_ns)
            machine.send("network", line.take())
            said += machine.take("console").decode()
        bridge.close()
        for server in servers:
            server.shutdown()
            server.server_close()
        return [row.strip().split("|")[1:] for row in said.splitlines() if row.startswith("+|")]

    yield play
    for machine in machines:
        machine.close()


@pytest.fixture(scope="module")
def authority():
    now_s = int(time.time())
    return certificate("throw-away", now_s - 100 * DAY_S, now_s + 100 * DAY_S, authority=True)


def test_files_come_whole_plain_by_ranges_and_under_tls_and_what_lies_is_told(run, authority):
    now_s = int(time.time())
    shop = certificate("shop", now_s - 3 * DAY_S, now_s + 10 * DAY_S, ("shop",), authority)
    long_ago_s = now_s - 50 * DAY_S
    plain = [(now_s, f"http://shop/{name}") for name in ("whole", "cut", "lies", "circle")]
    sealed = [
        (long_ago_s, "https://shop/whole"),
        (now_s, "https://other/whole"),
        (now_s + 11 * DAY_S, "https://shop/cut"),
    ]
    rows = run(plain + sealed, authority, shop)
    whole = ["done", "", str(len(CONTENT)), sha256(CONTENT)]
    assert [row[:4] for row in rows[:2]] == [whole, whole]
    assert [row[:2] for row in rows[2:4]] == [
        ["failed", "two fields content-length"],
        ["failed", "redirects in a circle"],
    ]
    # The board's clock was never set: the first try says that the certificate is from the future, the second gets
    # there.
    assert rows[4] == [*whole, str(now_s - 3 * DAY_S)]
    assert rows[5][:2] == ["failed", "the server's certificate is for another name"]
    assert rows[6][:2] == ["failed", "the server's certificate has expired"]


@dataclass(frozen=True)
class Large:
    """A server that is its own authority, with a key of RSA."""

    pem: Path
    der: bytes

    def pem_file(self, folder):
        return self.pem


def large(folder, bits, exponent=65537):
    key, cert, both = folder / "key.pem", folder / "cert.pem", folder / "both.pem"
    sizes = ["-pkeyopt", f"rsa_keygen_bits:{bits}", "-pkeyopt", f"rsa_keygen_pubexp:{exponent}"]
    subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", *sizes, "-out", key], check=True)
    words = ["req", "-x509", "-days", "20", "-subj", "/CN=shop", "-addext", "subjectAltName=DNS:shop"]
    subprocess.run(["openssl", *words, "-key", key, "-out", cert], check=True)
    both.write_text(cert.read_text() + key.read_text())
    return Large(both, ssl.PEM_cert_to_DER_cert(cert.read_text()))


@pytest.mark.parametrize(
    ("bits", "end"), [(2048, ["done", ""]), (3072, ["failed", "the server's certificate is refused"])]
)
def test_a_key_of_more_bits_than_are_good_for_a_board_is_refused(run, tmp_path, bits, end):
    server = large(tmp_path, bits)
    (row,) = run([(int(time.time()) + 1, "https://shop/whole")], server, server)
    assert row[:2] == end


def test_an_exponent_of_more_bits_than_anybody_needs_is_not_computed_with(run, authority, tmp_path):
    for exponent, end in ((2**31 + 11, "is not of the authority that is trusted"), (2**200 + 235, "no agreement")):
        (row,) = run([(int(time.time()) + 1, "https://shop/whole")], authority, large(tmp_path, 2048, exponent))
        assert row[0] == "failed" and end in row[1]

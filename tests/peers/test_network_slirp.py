"""Debian's slirp, which nobody here wrote, as a provider at the other end of PPP and TCP/IP. Real time, no root."""

import functools
import http.server
import os
import pty
import select
import socket
import subprocess
import threading
import time
import tty
from contextlib import contextmanager

import pytest
from testbed.network.ppp import phases
from testbed.network.ppp_link import PppTerminal
from testbed.network.sockets import LIKE_LWIP

from tests.helpers.network_services import KIB64, Client, Datagrams, S, digest, get

SLIRP = "10.0.2.2"
"""The address that it is given by the name of its host; it stands for 127.0.0.1."""


class Wire:
    """A terminal of ours on the pseudo-terminal that slirp speaks PPP on. `lose` takes every so manieth read away."""

    def __init__(self, ours, lose=0):
        self.terminal = PppTerminal(tcp=LIKE_LWIP)
        self._ours = ours
        self._began = time.monotonic_ns()
        self._lose, self._reads = lose, 0
        os.set_blocking(ours, False)
        self.terminal.start(self.now_ns)

    @property
    def now_ns(self):
        return time.monotonic_ns() - self._began

    def run(self, seconds, until):
        end = self.now_ns + int(seconds * S)
        waiting = bytearray()
        while self.now_ns < end and not until():
            select.select([self._ours], [self._ours] if waiting else [], [], 0.005)
            try:
                data = os.read(self._ours, 4096)
            except BlockingIOError:
                data = b""
            self._reads += bool(data)
            if data and self._lose and self._reads % self._lose == 0:
                data = data[:-1]  # an octet is lost, and a frame with it
            self.terminal.receive(data, self.now_ns)
            waiting += self.terminal.take()
            try:
                del waiting[: os.write(self._ours, waiting)]
            except BlockingIOError:
                pass
        return until()

    def up(self):
        return self.run(15, lambda: self.terminal.peer.up)


@contextmanager
def slirp(need, lose=0):
    need("slirp-fullbolt")
    need("unshare")
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    process = subprocess.Popen(
        ["unshare", "-Uru", "sh", "-c", f"hostname {SLIRP}; exec slirp-fullbolt -P 'mtu 1500'"],
        stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield Wire(ours, lose)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def web(tmp_path):
    (tmp_path / "film").write_bytes(KIB64 * 4)
    handler = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.mark.parametrize("lose", [0, 25])
def test_a_link_comes_up_and_a_file_of_256_kib_comes_from_a_real_server(need, web, lose):
    with slirp(need, lose) as wire:
        assert wire.up(), wire.terminal.peer.problem
        assert wire.terminal.host.address.startswith("10.0.2.")
        service = Client(get("/film"))
        wire.terminal.host.connect((SLIRP, web), service)
        assert wire.run(60, lambda: service.over)
        assert digest(service.body) == digest(KIB64 * 4)
        assert not lose or wire.terminal.peer.deframer.damaged > 0


def test_64_kib_go_to_a_real_server(need):
    got = bytearray()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def take():
            caller, _ = listener.accept()
            with caller:
                while data := caller.recv(65_536):
                    got.extend(data)

        threading.Thread(target=take, daemon=True).start()
        with slirp(need) as wire:
            assert wire.up()
            service = Client(KIB64, closes=True)
            wire.terminal.host.connect((SLIRP, listener.getsockname()[1]), service)
            assert wire.run(30, lambda: service.over)
    assert digest(got) == digest(KIB64)


def test_datagrams_and_refusals_come_back(need):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as echo, slirp(need) as wire:
        echo.bind(("127.0.0.1", 0))
        port = echo.getsockname()[1]

        def answer():
            data, where = echo.recvfrom(2000)
            echo.sendto(b"echo " + data, where)

        threading.Thread(target=answer, daemon=True).start()
        assert wire.up()
        kept, refused = Datagrams(), Client()
        wire.terminal.host.open_udp(kept).send((SLIRP, port), b"hello")
        wire.terminal.host.connect((SLIRP, 1), refused)
        assert wire.run(10, lambda: kept.got and refused.over)
        assert kept.got == [((SLIRP, port), b"echo hello")]
        assert refused.error == "refused"


def test_a_link_that_we_end_is_ended_there_too(need):
    with slirp(need) as wire:
        assert wire.up()
        wire.terminal.peer.stop(wire.now_ns)
        assert wire.run(10, lambda: wire.terminal.peer.phase == phases.DEAD)
        assert wire.terminal.peer.problem == "ended"

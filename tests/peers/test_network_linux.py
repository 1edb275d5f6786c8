"""Linux's own TCP/IP against the bench's, over a tunnel device in a namespace of its own: real time, no root needed
where /dev/net/tun may be opened."""

import hashlib
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from testbed.network.sockets import LIKE_LWIP
from testbed.network.tcp.settings import TcpSettings

from tests.helpers import tunnel
from tests.helpers.network_services import KIB64, MS, Client, Echo, Files, Sinks, digest, get
from tests.helpers.tunnel import LINUX, OURS, Link, Network, do

HELPER = Path(tunnel.__file__)
BIG = KIB64 * 8


def judged(need, what, *arguments, seconds=90):
    """What the function `what` of this file returns, run where Linux has a tunnel to our stack."""
    need("ip")
    unshare = need("unshare")
    command = [unshare, "-Urnm", sys.executable, str(HELPER), __file__, what, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    if "/dev/net/tun" in done.stderr and ("Permission" in done.stderr or "No such" in done.stderr):
        message = "no tunnel device: /dev/net/tun is not there, or not for us"
        pytest.fail(message) if os.environ.get("CI") == "true" else pytest.skip(message)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def network_with(loss=0.0, settings=None, delay_ms=2):
    network = Network(3)
    link = Link(delay_ns=delay_ms * MS, loss=loss, reorder=loss)
    host = network.host(OURS, Link(), settings=settings)
    return network, host, link


def call(port, timeout=30):
    return socket.create_connection((OURS, port), timeout)


def everything(sock):
    found = bytearray()
    while data := sock.recv(65_536):
        found += data
    return bytes(found)


# --- What runs inside: our stack, and Linux's sockets ---------------------------------------------------------------


def linux_fetches(loss):
    network, host, link = network_with(loss)
    Files.files = {"/film": BIG}
    host.serve_tcp(80, Files)

    def work():
        with call(80) as sock:
            sock.sendall(get("/film"))
            return digest(everything(sock).partition(b"\r\n\r\n")[2])

    return tunnel.run(network, link, work)


def linux_sends(loss):
    network, host, link = network_with(loss)
    sinks = Sinks()
    host.serve_tcp(9, sinks)

    def work():
        with call(9) as sock:
            sock.sendall(BIG)
            sock.shutdown(socket.SHUT_WR)
            assert sock.recv(1) == b""
        return [digest(sink.got) for sink in sinks]

    return tunnel.run(network, link, work)


def we_fetch_from_linux(loss):
    network, host, link = network_with(loss, LIKE_LWIP)
    service = Client(get("/film"), closes=True)
    listener = socket.create_server(("0.0.0.0", 8000))  # noqa: S104

    def work():
        do(lambda: host.connect((LINUX, 8000), service))
        caller, _ = listener.accept()
        with caller:
            asked = everything(caller)  # our FIN is behind the request
            caller.sendall(BIG)
        while not service.over:
            time.sleep(0.01)
        return [asked.decode(), digest(service.got), service.error]

    return tunnel.run(network, link, work)


def linux_reads_slowly():
    network, host, link = network_with()
    Files.files = {"/film": BIG}
    host.serve_tcp(80, Files)

    def work():
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect((OURS, 80))
            sock.sendall(get("/film"))
            time.sleep(2)  # its window is shut by now
            (conn,) = host.tcp.connections
            shut = conn.sender.window
            return [shut < 1460, digest(everything(sock).partition(b"\r\n\r\n")[2])]

    return tunnel.run(network, link, work)


def we_read_slowly():
    network, host, link = network_with(settings=TcpSettings(window=4096))
    service = Client(b"go")
    listener = socket.create_server(("0.0.0.0", 8000))  # noqa: S104
    got = bytearray()

    def work():
        conn = do(lambda: host.connect((LINUX, 8000), service))
        conn.pulls = True
        caller, _ = listener.accept()
        assert caller.recv(2) == b"go"  # what is unread at the end makes Linux reset the connection
        sender = threading.Thread(target=lambda: (caller.sendall(KIB64), caller.close()))
        sender.start()
        time.sleep(1)
        held = len(conn.receiver.unread)
        while not service.over or conn.receiver.unread:
            got.extend(do(lambda: conn.recv(1000)))
            time.sleep(0.002)
        return [held, digest(got)]

    return tunnel.run(network, link, work)


def errors_as_linux_sees_them():
    network, host, link = network_with()

    class Rude(Echo):
        def received(self, conn, data):
            conn.abort()
            return ()

    host.serve_tcp(9, Rude)
    found = []

    def work():
        try:
            call(81)
        except ConnectionRefusedError:
            found.append("refused")
        with call(9) as sock:
            sock.sendall(b"x")
            try:
                sock.recv(1)
            except ConnectionResetError:
                found.append("reset")
        try:
            socket.create_connection(("10.77.0.99", 80), 5)
        except OSError as error:
            found.append(type(error).__name__ if error.errno is None else error.strerror)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(5)
            sock.connect((OURS, 99))
            sock.send(b"x")
            try:
                sock.recv(1)
            except ConnectionRefusedError:
                found.append("nobody at the port")
        return found

    return tunnel.run(network, link, work)


def a_reset_of_linux_reaches_us():
    network, host, link = network_with()
    service = Client()
    listener = socket.create_server(("0.0.0.0", 8000))  # noqa: S104

    def work():
        do(lambda: host.connect((LINUX, 8000), service))
        caller, _ = listener.accept()
        time.sleep(0.1)
        caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        caller.close()
        time.sleep(0.2)
        refused = Client()
        do(lambda: host.connect((LINUX, 8001), refused))
        time.sleep(0.2)
        return [service.error, refused.error]

    return tunnel.run(network, link, work)


def datagrams_pings_and_names():
    network, host, link = network_with()
    host.serve_udp(7, Echo())
    network.names.set("films.example", OURS)
    question = bytes.fromhex("123401000001000000000000") + b"\5films\7example\0" + bytes((0, 1, 0, 1))

    def work():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(5)
            sock.sendto(bytes(1400), (OURS, 7))
            echoed = len(sock.recv(2000))
            sock.sendto(question, (network.gateway.address, 53))
            answer = sock.recv(2000)
        ours = do(lambda: host.ping(LINUX, bytes(100)))
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, 1) as sock:
            sock.settimeout(5)
            packet = b"\x08\0\0\0\0\x07\0\1ringcast"
            total = sum(struct.unpack(f">{len(packet) // 2}H", packet))
            total = 0xFFFF - (total % 0xFFFF)
            sock.sendto(packet[:2] + total.to_bytes(2, "big") + packet[4:], (OURS, 0))
            while (reply := sock.recv(2000)[20:])[:1] != b"\0":
                pass
        while ours.took_ns is None:
            time.sleep(0.01)
        return [echoed, answer[-4:].hex(), reply[8:].decode(), len(ours.data)]

    return tunnel.run(network, link, work)


def names_as_the_c_library_asks_for_them():
    network, _, link = network_with(0.1)
    network.names.set("films.example", OURS, "10.77.0.8")
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as settings:
        settings.write(f"nameserver {network.gateway.address}\noptions timeout:1 attempts:9\n")
        settings.flush()
        subprocess.run(["mount", "--bind", settings.name, "/etc/resolv.conf"], check=True)

        def work():
            _, _, addresses = socket.gethostbyname_ex("films.example")
            try:
                unknown = socket.gethostbyname("none.example")
            except socket.gaierror as error:
                unknown = error.errno == socket.EAI_NONAME
            return [sorted(addresses), unknown]

        return tunnel.run(network, link, work)


def linux_joins_a_group():
    network, host, link = network_with()
    port = host.open_udp(Echo())

    def work():
        seen = []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(5)
            sock.bind(("", 5004))
            member = socket.inet_aton("239.1.2.3") + socket.inet_aton(LINUX)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
            until = time.monotonic() + 20
            while not network.link(LINUX).groups and time.monotonic() < until:
                time.sleep(0.05)
            seen.append(sorted(network.link(LINUX).groups))
            do(lambda: port.send(("239.1.2.3", 5004), b"a picture"))
            seen.append(sock.recv(100).decode())
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_DROP_MEMBERSHIP, member)
            until = time.monotonic() + 10
            while network.link(LINUX).groups and time.monotonic() < until:
                time.sleep(0.05)
            seen.append(sorted(network.link(LINUX).groups))
        return seen

    return tunnel.run(network, link, work)


# --- The tests ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [0, 0.05])
def test_linux_fetches_512_kib_from_us(need, loss):
    assert judged(need, "linux_fetches", loss) == hashlib.sha256(BIG).hexdigest()


@pytest.mark.parametrize("loss", [0, 0.05])
def test_linux_sends_512_kib_to_us(need, loss):
    assert judged(need, "linux_sends", loss) == [hashlib.sha256(BIG).hexdigest()]


@pytest.mark.parametrize("loss", [0, 0.05])
def test_we_fetch_512_kib_from_linux_with_a_board_s_window(need, loss):
    assert judged(need, "we_fetch_from_linux", loss) == [get("/film").decode(), hashlib.sha256(BIG).hexdigest(), ""]


def test_a_reader_of_linux_s_that_does_not_read_is_waited_for(need):
    assert judged(need, "linux_reads_slowly") == [True, hashlib.sha256(BIG).hexdigest()]


def test_linux_waits_for_a_reader_of_ours(need):
    assert judged(need, "we_read_slowly") == [4096, hashlib.sha256(KIB64).hexdigest()]


def test_linux_is_told_what_went_wrong(need):
    assert judged(need, "errors_as_linux_sees_them") == [
        "refused",
        "reset",
        "No route to host",
        "nobody at the port",
    ]


def test_linux_s_resets_reach_us(need):
    assert judged(need, "a_reset_of_linux_reaches_us") == ["reset", "refused"]


def test_linux_s_datagrams_pings_and_questions_are_answered_and_it_answers_ours(need):
    assert judged(need, "datagrams_pings_and_names") == [1400, "0a4d0007", "ringcast", 100]


def test_the_c_library_s_names_are_answered(need):
    need("mount")
    assert judged(need, "names_as_the_c_library_asks_for_them") == [["10.77.0.7", "10.77.0.8"], True]


def test_linux_joins_and_leaves_a_group(need):
    assert judged(need, "linux_joins_a_group") == [["239.1.2.3"], "a picture", []]

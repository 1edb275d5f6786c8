"""The terminal's HTTP and TLS against servers that nobody here wrote, Python's http.server and its ssl, over sockets.

Real time, on CPython and on the unix port: short files and generous limits.
"""

import hashlib
import os
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from testbed.network.certificates import Identity, certificate
from testbed.runtimes import RuntimeUnavailable, unix_binary

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "tests" / "helpers" / "fetch_program.py"
CONTENT = bytes(range(256)) * 256
DAY_S = 86400
NAMES = {b"shop": "127.0.0.1", b"other": "127.0.0.1"}
LIMIT_S = 100


@dataclass(frozen=True)
class Result:
    state: str
    failure: str
    again: bool
    status: int
    got: int
    digest: str
    known_s: int


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture(scope="module", params=["cpython", pytest.param("unix", marks=pytest.mark.unix)])
def interpreter(request) -> list[str]:
    if request.param == "cpython":
        return [sys.executable]
    try:
        return [*unix_binary().argv, "-X", "heapsize=400000"]
    except RuntimeUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def name_service():
    """The port of one that knows NAMES."""
    line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    line.bind(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            data, source = line.recvfrom(600)
            if not data:
                return
            name = data[13 : 13 + data[12]]
            address = NAMES.get(name)
            head = struct.pack(">5H", 0x8180 if address else 0x8183, 1, 1 if address else 0, 0, 0)
            record = struct.pack(">3HIH4s", 0xC00C, 1, 1, 60, 4, socket.inet_aton(address)) if address else b""
            line.sendto(data[:2] + head + data[12:] + record, source)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield line.getsockname()[1]
    line.sendto(b"", line.getsockname())
    thread.join(5)
    line.close()


@pytest.fixture
def run(interpreter, name_service):
    """run(URL, ...) -> a Result for each."""

    def fetch(*urls: str, authority: Path | None = None, now_s: int = 0, plan: str = "get") -> list[Result]:
        paths = [ROOT / "firmware"] + ([] if "heapsize" in interpreter[-1] else [ROOT / "emulator/testbed/shims"])
        text = os.pathsep.join(map(str, paths))
        environment = {"MICROPYPATH": f"{text}:.frozen", "PYTHONPATH": text}
        arguments = [str(PROGRAM), str(name_service), str(now_s), str(authority or "-"), plan, *urls]
        done = subprocess.run(
            [*interpreter, *arguments], env=environment, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        rows = [line.split("|") for line in done.stdout.splitlines()]
        return [Result(r[0], r[1], r[2] == "1", int(r[3]), int(r[4]), r[5], int(r[6])) for r in rows]

    return fetch


class Handler(BaseHTTPRequestHandler):
    """/whole; /chunked; /cut, which breaks off four times and knows ranges; /circle; /endless; /lies; /close."""

    protocol_version = "HTTP/1.1"
    cuts: list[int]
    asked: list[str]

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self.asked.append(self.path)
        getattr(self, self.path.strip("/").replace("/", "_"))()

    def _head(self, status: int, *fields: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in fields:
            self.send_header(name, value)
        self.end_headers()

    def whole(self) -> None:
        self._head(200, ("Content-Length", str(len(CONTENT))))
        self.wfile.write(CONTENT)

    def close(self) -> None:
        self._head(200, ("Connection", "close"))
        self.wfile.write(CONTENT)
        self.close_connection = True

    def chunked(self) -> None:
        self._head(200, ("Transfer-Encoding", "chunked"), ("Trailer", "Digest"))
        for at in range(0, len(CONTENT), 3000):
            piece = CONTENT[at : at + 3000]
            self.wfile.write(b"%x;a=b\r\n" % len(piece) + piece + b"\r\n")
        self.wfile.write(b"0\r\nDigest: x\r\n\r\n")

    def cut(self) -> None:
        asked = self.headers.get("Range")
        first = int(asked[6:-1]) if asked else 0
        fields = [("Content-Length", str(len(CONTENT) - first)), ("ETag", '"1"')]
        if asked:
            assert self.headers["If-Range"] == '"1"'
            fields.append(("Content-Range", f"bytes {first}-{len(CONTENT) - 1}/{len(CONTENT)}"))
        self._head(206 if asked else 200, *fields)
        count = self.cuts.pop() if self.cuts else len(CONTENT)
        self.wfile.write(CONTENT[first : first + count])
        self.close_connection = True

    def circle(self) -> None:
        self._head(302, ("Location", "/circle/back"), ("Content-Length", "0"))

    def circle_back(self) -> None:
        self._head(302, ("Location", "/circle"), ("Content-Length", "0"))

    def endless(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        try:
            for number in range(100_000):
                self.wfile.write(b"X-%d: endless\r\n" % number)
        except OSError:
            pass
        self.close_connection = True

    def lies(self) -> None:
        self._head(200, ("Content-Length", "5"), ("Content-Length", "6"))
        self.wfile.write(b"hello!")


def serving(handler, tls: Identity | None = None, folder: Path | None = None):
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.pem_file(folder))
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.handle_error = lambda *args: None  # type: ignore[method-assign] # whoever refuses us breaks off
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return server


@pytest.fixture
def server():
    handler = type("Fresh", (Handler,), {"cuts": [10_000, 1, 2048, 9_000], "asked": []})
    running = serving(handler)
    yield running
    running.shutdown()
    running.server_close()


def url(server, path: str, host: str = "127.0.0.1", scheme: str = "http") -> str:
    return f"{scheme}://{host}:{server.server_address[1]}{path}"


def test_a_folder_of_pythons_own_server_is_fetched(run, tmp_path):
    (tmp_path / "film.ts").write_bytes(CONTENT)
    server = serving(partial(SimpleHTTPRequestHandler, directory=str(tmp_path)))
    SimpleHTTPRequestHandler.log_message = lambda *args: None  # type: ignore[method-assign]
    film, nothing = run(url(server, "/film.ts", "shop"), url(server, "/nothing"))
    assert (film.state, film.status, film.got, film.digest) == ("done", 200, len(CONTENT), sha256(CONTENT))
    assert (nothing.state, nothing.failure, nothing.again) == ("failed", "the server says 404", False)
    server.shutdown()
    server.server_close()


def test_one_connection_carries_lengths_and_chunks(run, server):
    results = run(*[url(server, path) for path in ("/whole", "/chunked", "/whole", "/close")], plan="slow")
    assert [(result.state, result.digest) for result in results] == [("done", sha256(CONTENT))] * 4


def test_a_file_that_breaks_off_four_times_comes_whole_by_ranges(run, server):
    (film,) = run(url(server, "/cut", "shop"))
    assert (film.state, film.status, film.got, film.digest) == ("done", 206, len(CONTENT), sha256(CONTENT))
    assert server.RequestHandlerClass.asked == ["/cut"] * 5


def test_redirects_in_a_circle_endless_heads_and_lying_lengths_are_clear_failures(run, server):
    circle, endless, lies = run(url(server, "/circle"), url(server, "/endless"), url(server, "/lies"))
    assert (circle.failure, circle.again) == ("redirects in a circle", False)
    assert (endless.failure, endless.again) == ("more than 32 fields in a head", False)
    assert (lies.failure, lies.again) == ("two fields content-length", False)


def test_names_that_nobody_knows_or_answers_are_clear_failures(run, server):
    start_s = time.monotonic()
    (unknown,) = run(url(server, "/whole", "nobody"))
    assert unknown.failure == "there is no such name, or it has no address"
    assert time.monotonic() - start_s < 60


def test_a_port_where_nobody_listens_is_a_clear_failure(run):
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        port = line.getsockname()[1]
    (nobody,) = run(f"http://127.0.0.1:{port}/")
    assert (nobody.state, nobody.failure, nobody.again) == ("failed", "the server cannot be reached", True)


# --- under TLS --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shop:
    """An authority, as a file of DER, and what it signs for `shop`; times around now."""

    authority: Identity
    path: Path
    now_s: int

    def server(self, folder: Path, first: int = -10, last: int = 10, name: str = "shop", signed: bool = True):
        """One whose certificate is valid for those days, counted from now."""
        span = self.now_s + first * DAY_S, self.now_s + last * DAY_S
        identity = certificate(name, *span, (name,), self.authority if signed else None)
        return serving(type("Fresh", (Handler,), {"cuts": [10_000], "asked": []}), identity, folder)


@pytest.fixture
def shop(tmp_path) -> Shop:
    now_s = int(time.time())
    authority = certificate("throw-away", now_s - 100 * DAY_S, now_s + 100 * DAY_S, authority=True)
    path = tmp_path / "authority.der"
    path.write_bytes(authority.der)
    return Shop(authority, path, now_s)


def fetch_from(run, shop: Shop, server, path: str = "/whole", host: str = "shop", now_s: int | None = None) -> Result:
    try:
        target = url(server, path, host, "https")
        return run(target, authority=shop.path, now_s=shop.now_s if now_s is None else now_s)[0]
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(("path", "status"), [("/whole", 200), ("/chunked", 200), ("/cut", 206)])
def test_a_file_comes_whole_under_tls(run, shop, tmp_path, path, status):
    film = fetch_from(run, shop, shop.server(tmp_path), path)
    assert (film.state, film.status, film.digest) == ("done", status, sha256(CONTENT))
    assert film.known_s == shop.now_s


def test_a_body_that_only_ends_with_the_connection_is_not_believed_to_be_whole_under_tls(run, shop, tmp_path):
    film = fetch_from(run, shop, shop.server(tmp_path), "/close")
    assert (film.state, film.again) == ("failed", True)


def test_a_certificate_that_moves_the_time_that_is_known(run, shop, tmp_path):
    film = fetch_from(run, shop, shop.server(tmp_path, first=-3), now_s=shop.now_s - 50 * DAY_S)
    assert (film.state, film.known_s) == ("done", shop.now_s - 3 * DAY_S)


def test_an_expired_certificate_is_a_clear_failure(run, shop, tmp_path):
    film = fetch_from(run, shop, shop.server(tmp_path, last=-1))
    assert (film.state, film.failure, film.again) == ("failed", "the server's certificate has expired", False)
    assert film.got == 0


def test_a_certificate_that_had_expired_by_the_time_that_is_known_is_refused_though_the_clock_is_behind(
    run, shop, tmp_path
):
    film = fetch_from(run, shop, shop.server(tmp_path, last=5), now_s=shop.now_s + 6 * DAY_S)
    assert (film.state, film.failure, film.again) == ("failed", "the server's certificate has expired", False)


def test_a_certificate_for_another_name_is_a_clear_failure(run, shop, tmp_path):
    film = fetch_from(run, shop, shop.server(tmp_path), host="other")
    assert (film.failure, film.again) == ("the server's certificate is for another name", False)


def test_a_certificate_signed_by_itself_is_a_clear_failure(run, shop, tmp_path):
    film = fetch_from(run, shop, shop.server(tmp_path, signed=False))
    stranger = "the server's certificate is not of the authority that is trusted"
    assert (film.failure, film.again, film.known_s) == (stranger, False, shop.now_s)


def test_a_certificate_signed_by_itself_that_is_pinned_is_trusted(run, shop, tmp_path):
    span = shop.now_s - DAY_S, shop.now_s + DAY_S
    identity = certificate("shop", *span, ("shop",))
    shop.path.write_bytes(identity.der)
    server = serving(type("Fresh", (Handler,), {"cuts": [], "asked": []}), identity, tmp_path)
    assert fetch_from(run, shop, server).digest == sha256(CONTENT)


def test_a_server_that_speaks_no_tls_is_a_clear_failure(run, shop):
    server = serving(type("Fresh", (Handler,), {"cuts": [], "asked": []}))
    film = fetch_from(run, shop, server)
    assert (film.state, film.failure, film.got) == ("failed", "no agreement with the server on TLS", 0)

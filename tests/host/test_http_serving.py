"""How a service serves: silent callers are not waited for, a signal loses no request, the log keeps no query."""

import logging
import signal
import socket
import subprocess
import sys
import threading

import pytest
from headend.http import serving
from settop.errors import LocalError

WAIT_S = 30
SLOW = """
import asyncio, sys
from headend.http import serving

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    print("begun", flush=True)
    await asyncio.sleep(0.3)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
    await send({"type": "http.response.body", "body": b"done"})

serving.serve(app, "127.0.0.1", 0, None, lambda url: print(url, flush=True))
print("ended", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_when_what_was_begun_is_answered(number):
    process = subprocess.Popen([sys.executable, "-c", SLOW], stdout=subprocess.PIPE, text=True)
    try:
        port = int(process.stdout.readline().rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), WAIT_S) as line:
            line.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert process.stdout.readline() == "begun\n"
            process.send_signal(number)
            answer = b""
            while data := line.recv(4096):
                answer += data
        assert answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"done")
        assert process.stdout.readline() == "ended\n" and process.wait(WAIT_S) == 0
    finally:
        process.kill()
        process.communicate()


async def quick(scope, receive, send):
    """Says ok."""
    if scope["type"] == "lifespan":
        for what in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{what}.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def port(monkeypatch):
    """Of a service on a thread of its own, until the test is over."""
    monkeypatch.setattr(serving, "HEAD_WITHIN_S", 0.1)
    servers, urls, ready = [], [], threading.Event()
    made = serving._Server.__init__
    monkeypatch.setattr(serving._Server, "__init__", lambda self, config: servers.append(self) or made(self, config))

    def told(url):
        urls.append(url)
        ready.set()

    thread = threading.Thread(target=serving.serve, args=(quick, "127.0.0.1", 0, None, told))
    thread.start()
    assert ready.wait(WAIT_S)
    yield int(urls[0].rpartition(":")[2])
    servers[0].should_exit = True
    thread.join(WAIT_S)


def talk(port, *parts):
    """What comes back until the other end closes."""
    with socket.create_connection(("127.0.0.1", port), WAIT_S) as line:
        for part in parts:
            line.sendall(part)
        answer = b""
        while data := line.recv(4096):
            answer += data
    return answer


def test_who_asks_nothing_is_not_waited_for(port):
    assert talk(port) == b""
    assert talk(port, b"GET / HTTP/1.1\r\nHost:") == b""
    answer = talk(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HT")
    assert answer.count(b"200 OK") == 1 and answer.endswith(b"ok")


def test_a_head_that_is_too_long_or_none_is_refused(port):
    assert b" 400 " in talk(port, b"GET / HTTP/1.1\r\nX: " + b"x" * (2 * serving.HEAD_LIMIT))
    assert b" 400 " in talk(port, b"\x16\x03\x01 nonsense\r\n\r\n")


def test_no_query_is_in_the_log():
    record = logging.LogRecord(
        "x", 20, "", 0, '%s - "%s %s HTTP/%s" %d', ("me", "GET", "/a?token=s3", "1.1", 200), None
    )
    assert serving._WithoutQuery().filter(record)
    assert record.getMessage() == 'me - "GET /a HTTP/1.1" 200'


def test_what_is_no_certificate_is_refused(tmp_path):
    (tmp_path / "noise.pem").write_text("noise")
    with pytest.raises(LocalError, match="certificate and key cannot be used"):
        serving.serve(quick, "127.0.0.1", 0, (tmp_path / "noise.pem", tmp_path / "noise.pem"), print)

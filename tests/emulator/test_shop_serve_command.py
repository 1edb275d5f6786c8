"""`ringcast shop serve` and `shop units serve`: processes of their own, under TLS, until a signal comes."""

import os
import signal
import socket
import ssl
import subprocess

import httpx
import pytest
from testbed.commands import shop as commands
from testbed.runtimes import RuntimeUnavailable, unix_binary

from tests.helpers.commands import ringcast
from tests.helpers.shop import PASSWORD
from tests.helpers.shop_process import STARTED_S, running


@pytest.fixture
def db(tmp_path, monkeypatch):
    monkeypatch.delenv("RINGCAST_MASTER_KEY", raising=False)
    monkeypatch.setattr(commands.shared, "read_password", lambda: PASSWORD)
    return tmp_path / "shop.db"


def visitor(url, db):
    context = ssl.create_default_context(cafile=db.with_name("shop.db.tls") / "authority.pem")
    return httpx.Client(base_url=url, verify=context, timeout=STARTED_S)


def test_shop_and_seller_serve_under_tls_and_end_well(db):
    till_db = db.with_name("till.db")
    with running("serve", "--db", db) as shop:
        assert f"authority: {db}.tls/authority.der, SHA-256 " in shop.said and shop.url.startswith("https://127.0.0.1:")
        key = ringcast("shop", "units", "key", "--db", till_db).out.strip()
        assert ringcast("shop", "seller", "add", "till", key, "--db", db).out == "seller 1\n"
        ways = ("--seller", 1, "--shop", shop.url, "--authority", f"{db}.tls/authority.der")
        with visitor(shop.url, db) as ann, running("units", "serve", "--db", till_db, *ways, "--plain") as till:
            made = ann.post("/api/accounts", json={"login": "ann", "password": PASSWORD})
            token = made.json()["token"]
            mine = {"authorization": f"Bearer {token}"}
            order = ann.post("/api/account/orders", json={"units": 500}, headers=mine).json()["order"]
            desk = {"authorization": f"Bearer {db.with_name('till.db.token').read_text().strip()}"}
            sale = httpx.post(f"{till.url}/api/sales", json={"order": order, "units": 500}, headers=desk)
            assert sale.json()["shop"] == "told", till.end(signal.SIGTERM)
            assert ann.get("/api/account?token=secret", headers=mine).json()["balance"] == 500
            assert ann.get("/openapi.json").json()["info"]["title"] == "ringcast shop"
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                httpx.get(f"{shop.url}/api/titles")
            assert "server" not in made.headers
            assert till.end(signal.SIGHUP)[0] == 0
        status, log = shop.end(signal.SIGTERM)
    assert status == 0
    assert '"GET /api/account HTTP/1.1" 200' in log
    assert not any(secret in log for secret in (token, "secret", PASSWORD, order))


TERMINAL = """
import socket, tls

context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
context.verify_mode = tls.CERT_REQUIRED
context.load_verify_locations(open({authority!r}, "rb").read())
line = socket.socket()
line.connect(socket.getaddrinfo("127.0.0.1", {port})[0][-1])
line = context.wrap_socket(line, server_hostname={name!r})
line.write(b"GET /api/titles HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n")
print(line.cipher(), line.read())
"""


@pytest.mark.unix
def test_a_terminals_tls_believes_the_authority_for_the_servers_names_alone(db, tmp_path):
    try:
        binary = unix_binary()
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
    said = {}
    with running("serve", "--db", db, "--name", "localhost") as shop:
        port = int(shop.url.rpartition(":")[2])
        for name in ("localhost", "elsewhere"):
            program = tmp_path / f"{name}.py"
            program.write_text(TERMINAL.format(authority=f"{db}.tls/authority.der", port=port, name=name))
            done = subprocess.run([*binary.argv, str(program)], capture_output=True, text=True, timeout=STARTED_S)
            said[name] = done.stdout + done.stderr
    assert "TLSv1.2" in said["localhost"] and '"titles":[]' in said["localhost"]
    assert "200 OK" not in said["elsewhere"] and "does not match" in said["elsewhere"]


def test_a_certificate_of_somebody_elses_is_taken(db, tmp_path):
    from headend.http.authority import server_files

    made = server_files(tmp_path / "theirs", ["127.0.0.1"], 1_800_000_000)
    with running("serve", "--db", db, "--tls-cert", made.server, "--tls-key", made.server) as shop:
        port = int(shop.url.rpartition(":")[2])
        shown = ssl.get_server_certificate(("127.0.0.1", port))
        assert shown.strip() in made.server.read_text()
        assert "authority" not in shop.said and not db.with_name("shop.db.tls").exists()
        assert shop.end(signal.SIGINT)[0] == 0


def test_a_port_that_is_taken_is_one_line(db):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = ringcast("shop", "serve", "--db", db, "--port", taken.getsockname()[1])
    assert ended.status == 1 and "cannot listen at 127.0.0.1" in ended.complaint


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (("--plain", "--host", "0.0.0.0"), "--plain is for 127.0.0.1"),  # noqa: S104
        (("--tls-cert", "x.pem"), "go together"),
        (("--tls-cert", "nowhere.pem", "--tls-key", "nowhere.pem"), "nowhere.pem"),
        (("--name", "a b"), "is no name"),
        (("--tls-cert", os.devnull, "--tls-key", os.devnull), "certificate and key cannot be used"),
    ],
)
def test_what_cannot_be_served_is_one_line(db, options, complaint):
    ended = ringcast("shop", "serve", "--db", db, "--port", 0, *options)
    assert ended.status == 1 and complaint in ended.complaint


def test_a_token_that_is_too_short_is_refused(db):
    db.with_name("till.db.token").write_text("x\n")
    ended = ringcast("shop", "units", "serve", "--db", db.with_name("till.db"), "--seller", 1, "--shop", "https://shop")
    assert ended.status == 1 and "no token" in ended.complaint

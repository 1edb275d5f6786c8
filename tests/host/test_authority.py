"""A service's own authority: made once, believed by OpenSSL and by the terminal's own look at certificates."""

import ssl
import stat
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from headend.http.authority import AUTHORITY_DAYS, SERVER_DAYS, server_files
from settop.errors import LocalError
from settop.net.validity import validity

NOW_S = 1_800_000_000
DAY_S = 86_400
NAMES = ["shop.example", "127.0.0.1", "::1"]


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def handshake(made, name, authority=None):
    """Raises ssl.SSLError where a client that believes the authority does not believe the server."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(made.server)
    client = ssl.create_default_context(cadata=(authority or made.authority).read_bytes())
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    pipes = [ssl.MemoryBIO() for _ in range(2)]
    ends = [
        client.wrap_bio(pipes[0], pipes[1], server_hostname=name),
        server.wrap_bio(pipes[1], pipes[0], server_side=True),
    ]
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                pass
    return ends[0].version()


@pytest.mark.parametrize("name", NAMES)
def test_openssl_believes_it_strictly(tmp_path, name):
    made = server_files(tmp_path / "tls", NAMES, int(time.time()))
    assert handshake(made, name) in ("TLSv1.2", "TLSv1.3")


def test_another_name_and_another_authority_are_not_believed(tmp_path):
    now_s = int(time.time())
    made, other = (server_files(tmp_path / folder, NAMES, now_s) for folder in ("a", "b"))
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(made, "other.example")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(made, "shop.example", other.authority)


def test_the_authority_stays_and_the_servers_certificate_is_made_anew(tmp_path):
    first = server_files(tmp_path / "tls", NAMES, NOW_S)
    kept, made = first.authority.read_bytes(), first.server.read_bytes()
    later = server_files(tmp_path / "tls", ["elsewhere.example"], NOW_S + 300 * DAY_S)
    assert later.authority.read_bytes() == kept and later.fingerprint == first.fingerprint
    assert later.server.read_bytes() != made
    assert validity(kept) == (NOW_S - DAY_S, NOW_S + AUTHORITY_DAYS * DAY_S)
    der = ssl.PEM_cert_to_DER_cert(later.server.read_text().partition("-----BEGIN PRIVATE")[0])
    assert validity(der)[1] == NOW_S + (300 + SERVER_DAYS) * DAY_S


def test_keys_are_their_owners_alone(tmp_path):
    made = server_files(tmp_path / "tls", NAMES, NOW_S)
    assert mode(made.server) == mode(tmp_path / "tls/authority.key") == 0o600 and mode(tmp_path / "tls") == 0o700
    assert "PRIVATE" not in (tmp_path / "tls/authority.pem").read_text()


def test_of_two_that_start_at_once_both_have_one_authority(tmp_path):
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: server_files(tmp_path / "tls", NAMES, NOW_S), range(4)))
    assert len({one.fingerprint for one in made}) == 1


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, "*.example", "1.2.3", "häuser", "a/b", "a\n"])
def test_what_is_no_name_is_refused(tmp_path, name):
    with pytest.raises(LocalError, match="is no name"):
        server_files(tmp_path / "tls", [name], NOW_S)


def test_half_an_authority_is_not_replaced(tmp_path):
    server_files(tmp_path / "tls", NAMES, NOW_S)
    key = tmp_path / "tls/authority.key"
    whole = key.read_text()
    key.write_text("nonsense")
    with pytest.raises(LocalError, match="is no key"):
        server_files(tmp_path / "tls", NAMES, NOW_S)
    key.unlink()
    with pytest.raises(LocalError, match="half an authority"):
        server_files(tmp_path / "tls", NAMES, NOW_S)
    key.write_text(whole)
    assert server_files(tmp_path / "tls", NAMES, NOW_S)

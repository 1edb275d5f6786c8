"""TLS around servers of the virtual network, met by OpenSSL's own client in virtual time."""

import ssl

import pytest
from testbed.network.links import Link
from testbed.network.secured import Secured

from tests.helpers.network_services import KIB64, MS, SERVER, Files, S, digest, get, two_hosts


def context(side):
    """Anonymous key exchange: what is judged here is the way that octets go, not who is there."""
    made = ssl.SSLContext(side)
    made.maximum_version = ssl.TLSVersion.TLSv1_2
    made.set_ciphers("AECDH-AES256-SHA:@SECLEVEL=0")
    made.check_hostname = False
    if side == ssl.PROTOCOL_TLS_CLIENT:
        made.verify_mode = ssl.CERT_NONE
    return made


class TlsClient:
    """OpenSSL's client in memory, over a connection of ours."""

    def __init__(self, says, stays=False):
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(self._in, self._out)
        self._says, self._stays = says, stays
        self.got = bytearray()
        self.farewell = self.over = False
        self.error = self.alert = ""

    def opened(self, conn):
        self._go(conn)

    def received(self, conn, data):
        self._in.write(data)
        self._go(conn)

    def closed(self, conn):
        self.over, self.error = True, conn.error
        conn.close()

    def _go(self, conn):
        try:
            self._tls.do_handshake()
            if self._says:
                self._tls.write(self._says)
                self._says = b""
            while data := self._tls.read(65_536):
                self.got += data
            self.farewell = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self.alert = error.reason
        finally:
            if (data := self._out.read()) and not conn.user_closed:
                conn.send(data)


def served(loss=0.0):
    network, server, client = two_hosts(Link(rate_bits_s=8_000_000, delay_ns=10 * MS, loss=loss))
    kept = []

    def make():
        kept.append(Secured(context(ssl.PROTOCOL_TLS_SERVER), Files()))
        return kept[-1]

    server.serve_tcp(443, make)
    return network, client, kept


@pytest.mark.parametrize("loss", [0, 0.05])
def test_a_file_of_64_kib_comes_under_tls_exact_and_with_a_farewell(loss):
    network, client, kept = served(loss)
    service = TlsClient(get("/film"))
    client.connect((SERVER, 443), service)
    assert network.run_until(60 * S, lambda: service.over)
    assert digest(service.got.partition(b"\r\n\r\n")[2]) == digest(KIB64)
    assert (service.farewell, service.error, kept[0].problem) == (True, "", "")
    assert (kept[0].version, kept[0].cipher) == ("TLSv1.2", "AECDH-AES256-SHA")


def test_what_is_no_tls_gets_an_alert_and_the_end():
    network, client, kept = served()

    class Plain(TlsClient):
        def opened(self, conn):
            conn.send(get("/film"))

        def received(self, conn, data):
            self.got += data

    service = Plain(b"")
    client.connect((SERVER, 443), service)
    assert network.run_until(10 * S, lambda: service.over)
    assert kept[0].problem
    assert not kept[0].version
    assert b"200 OK" not in service.got


def test_a_client_that_goes_in_the_middle_is_told_to_the_service():
    network, client, kept = served()
    service = TlsClient(get("/film"))
    conn = client.connect((SERVER, 443), service)
    network.run_until(60 * MS)
    conn.abort()
    network.run_until(5 * S)
    assert kept[0]._ended


def test_octets_that_are_changed_on_the_way_are_noticed():
    network, client, kept = served()
    service = TlsClient(get("/film", close=False))
    conn = client.connect((SERVER, 443), service)
    assert network.run_until(10 * S, lambda: len(service.got) > 65_536)
    conn.send(bytes(range(23, 80)))
    assert network.run_until(20 * S, lambda: service.over)
    assert (kept[0].problem, "ALERT" in service.alert) == ("WRONG_VERSION_NUMBER", True)

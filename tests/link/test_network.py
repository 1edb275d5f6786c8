"""A terminal's network on every target: transfers both ways, datagrams, names, groups, TLS, losses, and a link that
drops and comes back.

`python -m pytest --target pico tests/link/test_network.py`, as the other link tests.
"""

import hashlib

import pytest
from testbed.network.links import Link

from tests.helpers.online_target import FILM, MS, NAME, SERVER, SHORT, online

GROUP = ("239.1.2.3", 5004)
LOSSY = Link(rate_bits_s=1_200_000, delay_ns=10 * MS, jitter_ns=5 * MS, loss=0.05)
OWN_NETWORK = "it has this computer's own network, on which nothing is lost, named or sent to groups"


def digest(octets):
    return hashlib.sha256(octets).hexdigest()


def sent(octets):
    return bytes((at * 31 + 7) & 255 for at in range(octets))


def transferred(event):
    return tuple(event.value(word) for word in ("status", "octets", "sha256"))


@pytest.fixture(scope="module")
def terminal(target):
    """One that is online, for all tests that leave it so."""
    with online(target) as bench:
        yield bench


@pytest.fixture
def on_the_bench(target):
    if target.name == "unix":
        target.skip(OWN_NETWORK)


def test_a_file_comes_whole(terminal):
    assert transferred(terminal.ask(f"fetch {terminal.film}", "fetched")) == ("200", "65536", digest(FILM))


def test_what_is_sent_arrives_whole(terminal):
    event = terminal.ask(f"upload {terminal.film} 8192", "uploaded")
    assert transferred(event) == ("200", "8192", digest(sent(8192)))


def test_datagrams_come_back(terminal):
    address, port = terminal.echo
    event = terminal.ask(f"echo {address} {port} 20 200", "echoed")
    assert [event.value(word) for word in ("sent", "back", "octets")] == ["20", "20", "4000"]


def test_a_file_comes_under_tls_from_a_server_that_the_authority_vouches_for(terminal):
    event = terminal.ask(f"fetch {terminal.sealed}", "fetched", 120_000)
    assert transferred(event) == ("200", "8192", digest(SHORT))


def test_a_name_is_looked_up_and_one_that_is_none_is_told(terminal, on_the_bench):
    found = terminal.ask(f"lookup {NAME}", "address")
    assert (found.value("name"), found.value("ip")) == (NAME, SERVER)
    assert terminal.ask("lookup nobody.example", "lookup_failed").value("name") == "nobody.example"


def test_a_group_is_joined_heard_and_left(terminal, on_the_bench):
    address, port = GROUP
    terminal.ask(f"join {address} {port}", "joined")
    world = terminal.world
    world.run_until(world.now_ms + 1000)  # its report reaches the router
    said = [b"to all of you %d" % number for number in range(3)]
    for octets in said:
        terminal.server.send_udp(5004, GROUP, octets)
        heard = terminal.until("datagram")
        assert (heard.value("group"), heard.value("octets"), heard.value("sha256")) == (address, "15", digest(octets))
    assert terminal.ask(f"leave {address} {port}", "left").value("datagrams") == "3"
    heard = len(terminal.station.events("datagram"))
    world.run_until(world.now_ms + 1000)
    terminal.server.send_udp(5004, GROUP, b"to nobody")
    world.run_until(world.now_ms + 2000)
    assert len(terminal.station.events("datagram")) == heard


def test_a_file_comes_whole_over_a_link_that_loses_a_twentieth(target, on_the_bench):
    with online(target, LOSSY) as bench:
        assert transferred(bench.ask(f"fetch {bench.film}", "fetched", 180_000)) == ("200", "65536", digest(FILM))
        assert bench.modem.link.way.lost > 0


def drops(target):
    """What a terminal says whose link drops in mid transfer and is back after two seconds."""
    with online(target) as bench:
        bench.say(f"fetch {bench.film}")
        bench.world.run_until(bench.world.now_ms + 300)
        bench.modem.drop(bench.world.now_ms)
        bench.world.run_until(bench.world.now_ms + 2000)
        bench.modem.restore(bench.world.now_ms)
        event = bench.until("fetched", 180_000)
        assert transferred(event) == ("206", "65536", digest(FILM))  # the rest came by range
        return bench.said, bytes(bench.station.sent["network"])


def test_a_transfer_goes_on_when_a_link_that_dropped_is_back_and_a_run_repeats_to_the_octet(target, on_the_bench):
    said, octets = drops(target)
    assert [name for _, name, _ in said].count("network_down") == 1
    if target.virtual:
        assert (said, octets) == drops(target)


def test_a_terminal_that_telephones_fetches_from_real_servers(target, on_the_bench):
    with online(target, telephone=True) as bench:
        assert transferred(bench.ask(f"fetch {bench.film}", "fetched")) == ("200", "65536", digest(FILM))
        sealed = bench.ask(f"fetch {bench.sealed}", "fetched", 120_000)
        assert transferred(sealed) == ("200", "8192", digest(SHORT))

"""Transfers by settop.net from the bench's network, on the emulated Pico: over one USB cable as over a UART, and over
lines that break."""

import hashlib
import re

import pytest
from testbed.bench.network_rig import NetworkRig

from tests.helpers.network_services import KIB64, SERVER, Files

pytestmark = [pytest.mark.pico, pytest.mark.long]

FETCH = """
import hashlib, os, sys, time
import board
from settop.net.fetch import Fetch
from settop.net.link import Link
from settop.net.names import Names

link = Link(board, os.urandom)
link.want(time.ticks_ms())
while board.network_state() != "up":
    link.step(time.ticks_ms())
    console.read_line()
names = Names(board.network_names(), os.urandom)
for path in %(paths)r:
    fetch = Fetch(names, os.urandom, link=link)
    digest = hashlib.sha256()
    def sink(view, at):
        digest.update(view)
        return len(view)
    began = time.ticks_ms()
    fetch.get("http://films.example/" + path, sink, began)
    while fetch.state not in ("done", "failed"):
        link.step(time.ticks_ms())
        fetch.step(time.ticks_ms())
        console.read_line()
    ms = time.ticks_diff(time.ticks_ms(), began)
    say("|".join(("+", fetch.state, fetch.failure, str(fetch.got), digest.digest().hex(), str(ms))))
    fetch.give_up()
say("over")
"""
CONSOLE = """
import board
console = board.Console()
say = console.write_line
"""


@pytest.fixture
def fetch(network_image):
    rigs = []

    def fetch(*paths, cable=True):
        program = CONSOLE + FETCH % {"paths": paths}
        rig = NetworkRig(network_image, program, config={"CORES": 1}, cable=cable)
        rigs.append(rig)
        rig.network.host(SERVER).serve_tcp(80, Files)
        rig.network.names.set("films.example", SERVER)
        return rig

    yield fetch
    for rig in rigs:
        rig.close()


def rows(rig):
    return [row.strip().split("|")[1:] for row in rig.said.splitlines() if row.startswith("+|")]


WHOLE = ["done", "", str(len(KIB64)), hashlib.sha256(KIB64).hexdigest()]


@pytest.mark.parametrize("cable", [True, False])
def test_64_kib_come_by_name_over_one_cable_as_over_a_uart(fetch, cable):
    rig = fetch("film", "none", "film", cable=cable)
    rig.run("over\r\n")
    first, none, again = rows(rig)
    assert first[:4] == again[:4] == WHOLE and none[0] == "failed"
    assert int(again[4]) < 1500
    print(f"64 KiB in {again[4]} ms")
    if cable:
        assert rig.machine.lost == {"tuner": 0, "network": 0}
        assert (rig.machine.host.damaged, rig.machine.host.lost) == (0, 0)


def test_a_host_that_says_hello_anew_in_mid_transfer_costs_some_packets_and_no_more(fetch):
    rig = fetch("film")
    while rig.line.way.octets < len(KIB64) // 4:
        rig.step()
    rig.machine.host.restart()
    rig.run("over\r\n")
    assert rows(rig)[0][:4] == WHOLE and rig.machine.host.sessions == 2


def test_the_same_octets_at_the_same_instants_twice(fetch):
    said = [fetch("film").run("over\r\n") for _ in range(2)]
    assert said[0] == said[1] and re.search(r"\+\|done", said[0])


@pytest.mark.parametrize("cable", [True, pytest.param(False, marks=pytest.mark.soak)])
def test_a_line_that_drops_in_mid_transfer_comes_back_and_the_rest_is_fetched(fetch, cable):
    rig = fetch("film", cable=cable)
    while rig.line.way.octets < len(KIB64) // 4:
        rig.step()
    rig.cut = True
    rig.line.drop()
    for _ in range(18_000):  # the board notices after 15 s, and tries again
        rig.step()
    assert "over" not in rig.said
    rig.cut = False
    rig.line.restore()
    rig.run("over\r\n", 60_000)
    assert rows(rig)[0][:4] == WHOLE
    assert rig.line.way.octets < len(KIB64) * 5 // 4  # and not all of it again

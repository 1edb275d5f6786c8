"""The cable's channel for PPP: on boards whose WIRES name a network and on no others; room is told, nothing is kept."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
from settop.link import channels
from settop.link.network import CHANNELS, with_network
from testbed.line.cable import WINDOW_BYTES

from tests.helpers.cable_line import attached, drain

WINDOW = CHANNELS[-1][2]


@pytest.fixture
def pair():
    line, board, host = attached(board_channels=CHANNELS, host_channels=CHANNELS)
    return SimpleNamespace(line=line, board=with_network(board), host=host)


def test_it_carries_octets_both_ways_and_the_others_go_on(pair):
    line, board, host = pair.line, pair.board, pair.host
    assert host.carries("network")
    down, up = bytes(range(256)) * 40, bytes(range(255, -1, -1)) * 40
    host.send("network", down)
    host.send("modem", b"OK\r\n")
    got, sent, back = b"", 0, b""
    for _ in range(60):
        line.turn(host)
        got += drain(board.network)
        sent += board.network.write(up[sent : sent + 256])
        back += host.take("network")
    assert (got, back) == (down, up) and drain(board.modem) == b"OK\r\n"
    assert (host.refused, host.lost, board.lost, board.mux.refused) == (0, 0, 0, 0)


def test_what_the_host_has_no_room_for_is_told_and_not_kept(pair):
    line, board, host = pair.line, pair.board, pair.host
    assert board.network.write(bytes(WINDOW_BYTES + 100)) == WINDOW_BYTES
    assert board.network.write(b"more") == 0 and not board.queued and board.lost == 0
    line.turn(host)
    assert len(host.take("network")) == WINDOW_BYTES
    line.turn(host)
    assert board.network.write(b"more") == 4


def test_a_host_sends_what_the_board_has_room_for_and_keeps_the_rest(pair):
    line, board, host = pair.line, pair.board, pair.host
    host.send("network", bytes(WINDOW + 100))
    for _ in range(4):
        line.turn(host)
    assert host.waiting("network") == 100 and len(drain(board.network)) == WINDOW


def test_without_a_host_or_with_one_that_does_not_know_it_what_is_sent_is_lost():
    _, board, _ = attached(board_channels=CHANNELS, host_channels=channels.CHANNELS)
    with_network(board)
    assert board.network.write(bytes(10_000)) == 10_000 and drain(board.network) == b""


def test_a_new_session_finds_the_channel_empty_and_open(pair):
    line, board, host = pair.line, pair.board, pair.host
    host.send("network", b"of the old one")
    line.turn(host)
    board.network.write(bytes(WINDOW_BYTES))
    host.restart()
    for _ in range(3):
        line.turn(host)
    assert host.attached and drain(board.network) == b""
    assert board.network.write(b"anew") == 4


def test_a_board_that_telephones_has_neither_the_channel_nor_the_module():
    _, board, host = attached(host_channels=CHANNELS)
    assert host.attached and not host.carries("network") and not hasattr(board, "network")
    program = (
        "import sys, settop.app, settop.services.call.service, settop.link.cable; "
        "print([name for name in sys.modules if name == 'settop.link.network'])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert run.stdout == "[]\n", run.stderr


def test_a_tuner_that_is_behind_comes_first(pair):
    line, board, host = pair.line, pair.board, pair.host
    host.send("tuner", bytes(8192))
    host.send("network", b"a page")
    for _ in range(8):
        line.turn(host)
    assert board.network.any() == 0
    board.tuner.readinto(bytearray(6144))
    assert board.network.any() == 0
    board.tuner.readinto(bytearray(1))
    assert drain(board.network) == b"a page"

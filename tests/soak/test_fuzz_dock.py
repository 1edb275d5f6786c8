"""The dock's messages and the household's list, damaged and invented, against both ends: refused, or what was meant;
and nothing is raised that is not declared."""

import random
import sys
from pathlib import Path

from settop.errors import RemoteError
from testbed.machines.cpython import use_shims

HERE = Path(__file__).parent
sys.path += [str(HERE.parent / "firmware"), str(HERE.parent / "vectors")]
use_shims()
from dock_rig import HOUSEHOLD, PLAYER, TERMINAL, Bench, Drawn  # noqa: E402
from docked_rig import Docked, list_for  # noqa: E402
from settop.dock.contact import Contact, pair_key  # noqa: E402
from settop.link.hdlc import encode  # noqa: E402
from settop.wire import dock as wire  # noqa: E402
from settop.wire import household  # noqa: E402

NONCES = bytes(range(32))
BODIES = (
    wire.pack_open(HOUSEHOLD, wire.MEMBER),
    wire.pack_put(wire.AS_BOUGHT, b"copy one", 5000, "mp4a.6b", "a song"),
    bytes(wire.pack_end(5000, bytes(32), bytes(16), bytes(16))),
    wire.pack_list(0),
    wire.pack_remove(b"copy one"),
    bytes((wire.PING,)),
    wire.pack_opened(14, 100_000, 3, 0, ("mp4a.6b", "ipcm")),
    wire.pack_place(128),
    wire.pack_copy(b"copy one", wire.TENTH, 5000, "a song"),
    bytes((wire.FULL,)),
)
MESSAGES = (
    wire.pack_greeting(wire.HELLO, b"terminal", bytes(16)),
    wire.pack_greeting(wire.I_AM, b"player 1", bytes(16)),
    wire.pack_proof(wire.PROOF, bytes(16)),
    wire.pack_proof(wire.PROVEN, bytes(16)),
    wire.pack_piece(0, bytes(128)),
    wire.pack_wanted(128),
    wire.pack_no(wire.NO, 1),
    wire.pack_no(wire.NO_TOO, 3),
    bytes((wire.WAIT,)),
    bytes((wire.WORKING,)),
    bytes((wire.ASK,)) + bytes(40),
    bytes((wire.ANSWER,)) + bytes(40),
)
UNPACKS = (
    wire.unpack_greeting,
    wire.unpack_proof,
    wire.unpack_no,
    wire.split_sealed,
    wire.unpack_piece,
    wire.unpack_wanted,
    wire.unpack_open,
    wire.unpack_opened,
    wire.unpack_put,
    wire.unpack_place,
    wire.unpack_end,
    wire.unpack_copy,
    wire.copy_of,
    household.split,
    household.Household,
)


def damaged(rng, octets):
    data = bytearray(octets)
    for _ in range(rng.choice((0, 1, 1, 2, 4))):
        what = rng.randrange(5)
        at = rng.randrange(len(data)) if data else 0
        if what == 0 and data:
            data[at] = rng.randrange(256)
        elif what == 1:
            del data[at:]
        elif what == 2:
            data += rng.randbytes(rng.randrange(1, 40))
        elif what == 3:
            data[at:at] = rng.randbytes(rng.randrange(1, 4))
        else:
            data = bytearray(rng.randbytes(rng.randrange(1, 150)))
    return bytes(data)


def test_what_is_unpacked_is_refused_or_packs_to_the_same(cases):
    rng = random.Random("fuzz dock octets")
    good = (*BODIES, *MESSAGES, household.pack_list(2, [(wire.MEMBER, b"player 1", bytes(16))]), bytes(60))
    taken = 0
    for _ in cases(3000):
        octets = damaged(rng, rng.choice(good))
        for unpack in UNPACKS:
            try:
                unpack(bytearray(octets) if unpack is household.Household else octets)
                taken += 1
            except RemoteError:
                pass
    assert taken


def test_no_message_brings_an_end_down_or_opens_it(cases):
    """Neither before the contact nor in it; who does not know the pair's key is asked nothing and gets nothing done."""
    rng = random.Random("fuzz dock messages")
    for number in cases(150):
        bench = Bench()
        if number % 2:
            bench.dock()
        asked = len(bench.asked)
        for _ in range(40):
            octets = encode(damaged(rng, rng.choice(MESSAGES))[:150])
            if rng.randrange(4) == 0:
                octets = damaged(rng, octets)
            (bench.terminal if rng.randrange(2) else bench.player).receive(octets, bench.now_ms)
            bench._hear()
            while bench.terminal.next_event():
                pass
        assert len(bench.asked) == asked and not bench.kept
        bench.told = []
        bench.until("docked") if bench.terminal.state != "docked" else None


def test_a_terminal_that_knows_the_key_and_means_ill_is_answered_and_does_no_harm(cases):
    """Whatever it asks, sealed as it must be: the player answers or refuses, and is there for the next contact."""
    rng = random.Random("fuzz dock questions")
    bench = Docked()
    player = bench.players[0]
    pair = pair_key(PLAYER.device_key, PLAYER.terminal_id, TERMINAL.terminal_id)
    core, line = player.service._core, player.board.wire
    drawn = Drawn(3)
    for _ in cases(60):
        nonce, said = drawn(16), []
        line.coming += encode(wire.pack_greeting(wire.HELLO, TERMINAL.terminal_id, nonce))
        said += player.turn(5)
        contact = Contact(pair, TERMINAL.terminal_id, PLAYER.terminal_id, nonce + core._own, False)
        line.coming += encode(wire.pack_proof(wire.PROOF, contact.proof))
        line.coming += encode(contact.seal(1, wire.pack_open(HOUSEHOLD, wire.MEMBER)))
        counter = 1
        for _ in range(25):
            said += player.turn(5)
            if rng.randrange(3) == 0:
                line.coming += encode(damaged(rng, wire.pack_piece(rng.choice((0, 128, 1 << 31)), bytes(128)))[:150])
                continue
            if core._answer:
                counter = core._counter + 1
            line.coming += encode(contact.seal(counter, damaged(rng, rng.choice(BODIES))[: wire.BODY_BYTES] or b"\0"))
        assert player.app.services.get("player") is player.service, said
    bench.dock()
    assert bench.until("player_docked")


def test_a_list_that_is_damaged_is_refused_and_nothing_changes(cases):
    rng = random.Random("fuzz household")
    bench = Docked()
    good = bytes.fromhex(list_for([(wire.MEMBER, PLAYER)], serial=9).split()[1])
    for _ in cases(150):
        blob = damaged(rng, good)
        if blob == good:
            continue
        said = bench.ask(f"household {blob.hex() or 'zz'}"[:600], "household", "error")
        assert said.startswith("error "), blob.hex()
    assert "serial=1 " in bench.ask("players", "household")

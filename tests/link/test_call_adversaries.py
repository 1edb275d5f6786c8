"""Faults and intruders on the line of a call: no crash, no wrong or partial key, nothing charged twice."""

import random

import pytest
from settop.link.hdlc import encode
from settop.services.call import states
from settop.wire import call as wire

from tests.helpers.call_pair import DEVICE_KEY, DOWN, UP, Air, CallPair, Home, MemoryLedger, kinds

FAST = 1_000_000  # bit/s: all bytes of a frame arrive in one step, which makes thousands of calls affordable
HANG_UP_MS = 5_000


def short_call(ledger=None, **options):
    """A call of one portion with its successor's key, and a goodbye after 5 s."""
    pair = CallPair(ledger or MemoryLedger(), Air(), bit_rate=FAST, **options)
    pair.at(HANG_UP_MS, pair.hang_up)
    return pair


CLEAN = short_call().run(30_000)
LINES = {UP: CLEAN.up, DOWN: CLEAN.down}
OFFSETS = [(direction, at) for direction, line in LINES.items() for at in range(len(line.sent))]


def flip(offset, bit):
    return lambda at, byte: byte ^ (1 << bit) if at == offset else byte


@pytest.mark.parametrize("bit", range(8))
def test_every_bit_flip_in_every_frame_is_refused_and_recovered(bit):
    assert kinds(CLEAN.up) == ["HELLO", "REQUEST", "ACK", "ACK", "ACK", "GOODBYE"]
    assert kinds(CLEAN.down) == ["CHALLENGE", "KEY", "KEY", "TOKEN", "FAREWELL"]
    for direction, offset in OFFSETS:
        ledger = MemoryLedger()
        pair = short_call(ledger, **{direction + "_fault": flip(offset, bit)})
        pair.run(HANG_UP_MS)
        # CallPair compares every key with the true one.
        assert sorted(pair.keys) == [(1, 0), (1, 1)], (direction, offset)
        pair.run(30_000)
        assert pair.centre_closed == "goodbye", (direction, offset)
        assert pair.closed in ("goodbye", "no answer from the centre"), (direction, offset)
        assert list(ledger.charges) == [0]


def test_line_lost_at_every_byte_leaves_no_partial_key_and_charges_nothing_twice():
    home = Home()
    for run, drop in enumerate(OFFSETS, 1):
        air = Air(run=run)
        calls_before = len(home.ledger.calls_of(home.number)) if run % 8 == 0 else 0
        ledger = home.ledger if run % 8 == 0 else MemoryLedger()
        first = CallPair(ledger, air, bit_rate=FAST, drop=drop)
        first.at(HANG_UP_MS, first.hang_up)
        first.run(9_000)
        assert first.closed is not None and first.centre_closed is not None, drop
        second = CallPair(ledger, air, connect_ms=12_000, bit_rate=FAST, seed=2)
        second.at(15_000, second.hang_up)
        second.run(30_000)
        assert second.closed == "goodbye", drop
        assert sorted(second.keys) == [(1, 1)], drop
        if run % 8 == 0:
            records = [home.ledger.call_record(c) for c in home.ledger.calls_of(home.number)[calls_before:]]
            paid = sum(record.price for record in records)
            sent = {portion for record in records for portion in record.delivered} - {2}
            assert paid == 10 * len(sent), drop


@pytest.mark.parametrize(("rate", "portions"), [(1e-4, 41), (1e-3, 41), (1e-2, 0)])
def test_noisy_line_never_installs_a_wrong_key(rate, portions):
    rng = random.Random(7)

    def noise(_at, byte):
        for bit in range(8):
            if rng.random() < rate:
                byte ^= 1 << bit
        return byte

    home = Home()
    pair = CallPair(home.ledger, Air(), up_fault=noise, down_fault=noise)
    pair.at(404_000, pair.hang_up)
    pair.run(500_000)
    assert len(pair.keys) >= portions
    assert pair.closed is not None and pair.centre_closed is not None
    for record in home.records():
        assert {portion for _, portion in pair.keys} <= set(record.delivered)
        assert record.price == 10 * (len(record.delivered) - len(record.withdrawn))


def test_replay_within_the_call_is_refused():
    pair = CallPair(MemoryLedger(), Air()).run(15_000)
    keys, charges = dict(pair.keys), len(pair.down.frames)
    for _, frame in list(pair.down.frames):
        before = len(pair.refused)
        pair.inject(DOWN, encode(frame))
        assert len(pair.refused) == before + 1, wire.NAMES[frame[0]]
    for _, frame in list(pair.up.frames):
        before = sum(pair.centre.refused.values())
        pair.inject(UP, encode(frame))
        assert sum(pair.centre.refused.values()) == before + 1, wire.NAMES[frame[0]]
    assert (pair.keys, len(pair.down.frames)) == (keys, charges)
    assert sorted(pair.run(25_000).keys) == [(1, 0), (1, 1), (1, 2), (1, 3)]


def test_replay_of_another_call_is_refused():
    old = CallPair(MemoryLedger(), Air()).run(25_000)
    new = CallPair(MemoryLedger(), Air(), seed=2).run(15_000)
    keys = dict(new.keys)
    for _, frame in old.down.frames:
        new.inject(DOWN, encode(frame))
    for _, frame in old.up.frames:
        new.inject(UP, encode(frame))
    assert len(new.refused) == len(old.down.frames)
    assert sum(new.centre.refused.values()) == len(old.up.frames)
    assert new.keys == keys
    assert sorted(new.run(25_000).keys) == [(1, 0), (1, 1), (1, 2), (1, 3)]


def test_whole_terminal_replayed_to_the_centre_gets_no_key():
    old = CallPair(MemoryLedger(), Air()).run(25_000)
    ledger = MemoryLedger()
    new = CallPair(ledger, Air(), seed=9, up_fault=lambda at, byte: None)
    for _, frame in old.up.frames:
        new.inject(UP, encode(frame))
    new.run(60_000)
    assert kinds(new.down) == ["CHALLENGE"]
    assert ledger.reasons == []
    assert new.centre_closed == "no valid request from the terminal"


def test_key_frames_of_another_terminal_are_refused():
    other = CallPair(MemoryLedger(bytes(32)), Air(), device_key=bytes(32), seed=5).run(25_000)
    pair = CallPair(MemoryLedger(), Air()).run(5_000)
    keys = dict(pair.keys)
    for _, frame in other.down.frames:
        pair.inject(DOWN, encode(frame))
    assert len(pair.refused) == len(other.down.frames)
    assert pair.keys == keys


@pytest.mark.parametrize("forward_secrecy", [False, True])
def test_false_centre_is_refused_before_any_key(forward_secrecy):
    pair = CallPair(MemoryLedger(device_key=bytes(32)), Air(), forward_secrecy=forward_secrecy).run(30_000)
    assert pair.closed == "the centre could not prove that it knows this terminal"
    assert kinds(pair.up) == ["HELLO"]
    assert kinds(pair.down) == ["CHALLENGE"]
    assert pair.keys == {}


def test_wrong_device_key_in_the_terminal_gets_no_key():
    pair = CallPair(MemoryLedger(), Air(), device_key=bytes(32)).run(30_000)
    assert pair.closed == "the centre could not prove that it knows this terminal"
    assert kinds(pair.down) == ["CHALLENGE"]
    assert pair.centre_closed == "no valid request from the terminal"


def test_unknown_terminal_gets_an_answer_of_the_same_shape():
    known = CallPair(MemoryLedger(), Air(), device_key=bytes(32)).run(30_000)
    unknown = CallPair(MemoryLedger(), Air(), terminal_id=bytes(8)).run(30_000)
    assert kinds(unknown.down) == kinds(known.down) == ["CHALLENGE"]
    assert [len(frame) for _, frame in unknown.down.frames] == [len(frame) for _, frame in known.down.frames]
    assert (unknown.closed, unknown.centre_closed) == (known.closed, known.centre_closed)


@pytest.mark.parametrize(
    ("programme", "broadcast_id", "portion", "reason"),
    [
        (2, None, 1, "key for another broadcast"),
        (1, bytes(8), 1, "key for another broadcast"),
        (1, None, 0, "key for another portion"),
        (1, None, 3, "key for another portion"),
        (1, None, 0xFFFFFFFF, "key for another portion"),
    ],
)
def test_key_for_something_else_is_refused_and_counted(programme, broadcast_id, portion, reason):
    pair = CallPair(MemoryLedger(), Air()).run(15_000)
    keys = dict(pair.keys)
    run = broadcast_id or pair.air.broadcasts[1].broadcast_id
    sealed = pair.centre._session.seal(wire.KEY, wire.pack_key(programme, run, portion, bytes(16)))
    pair.inject(DOWN, encode(sealed))
    assert pair.refused == [reason]
    assert pair.terminal.counters == {reason: 1}
    assert pair.keys == keys


def test_key_frame_out_of_order_is_refused_and_comes_again():
    pair = CallPair(MemoryLedger(), Air(), down_fault=lambda at, byte: byte if at < 45 else None).run(800)
    keys = [frame for _, frame in pair.down.frames if frame[0] == wire.KEY]
    assert len(keys) == 2
    for frame in reversed(keys):
        pair.inject(DOWN, encode(frame))
    assert pair.refused == ["replayed KEY"]
    assert list(pair.keys) == [(1, 1)]


def test_suite_without_forward_secrecy_cannot_be_forced_on_a_terminal_that_wants_it():
    pair = CallPair(MemoryLedger(), Air(), forward_secrecy=True, up_fault=lambda at, byte: None)
    hello = pair.up.frames[0][1] if pair.up.frames else pair.terminal._hello
    pair.inject(UP, encode(hello[:2] + b"\x00" + hello[3:27]))
    pair.run(1_000)
    assert pair.refused == ["CHALLENGE for suite 0, offered was 1"]
    assert pair.keys == {}


@pytest.mark.parametrize("stage_ms", [0, 400, 700, 15_000])
def test_garbage_disturbs_neither_side(stage_ms):
    rng = random.Random(stage_ms)
    pair = CallPair(MemoryLedger(), Air()).run(stage_ms)
    for _ in range(300):
        payload = rng.randbytes(rng.randrange(1, 90))
        if rng.random() < 0.7:
            kind = rng.choice(list(wire.NAMES))
            payload = bytes([kind]) + payload
        garbage = encode(payload) if rng.random() < 0.8 else payload
        pair.inject(rng.choice((UP, DOWN)), garbage)
    assert len(pair.terminal.counters) <= 26
    if pair.centre.state != "CLOSED":
        assert sorted(pair.run(35_000).keys)[-1][1] >= 3
    else:
        assert pair.centre_closed == "too many refused messages"
        assert pair.keys == {}


def test_intruder_with_endless_variety_cannot_fill_the_memory():
    pair = CallPair(MemoryLedger(), Air()).run(15_000)
    for version in range(256):
        for suite in range(2, 5):
            payload = bytes([wire.CHALLENGE, version, suite]) + bytes(36)
            pair.terminal.receive(encode(payload), pair.now_ms)
            pair.centre.receive(encode(bytes([wire.HELLO, version, suite]) + bytes(24)), pair.now_ms)
    for kind in range(256):
        pair.inject(DOWN, encode(bytes([kind]) + bytes(20)))
        pair.inject(UP, encode(bytes([kind]) + bytes(20)))
    assert len(pair.terminal.counters) <= 26
    assert len(pair.centre.refused) <= 66
    assert pair.terminal.state == states.RECEIVING


def test_no_secret_in_any_message_or_repr():
    pair = short_call(forward_secrecy=True).run(30_000)
    shown = repr(vars(pair.centre)) + repr(pair.air.broadcasts) + " ".join(pair.refused)
    secrets = [DEVICE_KEY, *(pair.air.key(1, portion) for portion in range(3)), b"%08d%08d" % (1, 1)]
    line = bytes(pair.up.sent + pair.down.sent)
    for secret in secrets:
        assert repr(bytes(secret))[2:-1] not in shown
        assert bytes(secret).hex() not in shown
        assert bytes(secret) not in line

"""Rows A1, A2, A7, A12 and A14: what is on air, and what a key is good for."""

import dataclasses
import hashlib

import numpy as np
import pytest
from Crypto.Cipher import AES
from headend.ts.keys import control_word
from settop.wire.ecm import SECTION_BYTES, unpack_ecm
from testbed.scenario.seeded import seeded

from tests.helpers.memory_scan import find_traces, traces_of
from tests.helpers.observed import whole_portions

IV = b"DVBTMCPTAESCISSA"


def packets_of(path):
    return np.fromfile(path, dtype=np.uint8).reshape(-1, 188)


def opened(packet: bytes, key: bytes) -> bytes:
    """One packet through CISSA (TS 103 127), without any code of the project."""
    offset = 4 + (1 + packet[4] if packet[3] & 0x20 else 0)
    end = offset + (188 - offset & ~15)
    clear = AES.new(key, AES.MODE_CBC, IV).decrypt(packet[offset:end])
    return packet[:3] + bytes((packet[3] & 0x3F,)) + packet[4:offset] + clear + packet[end:]


def first_scrambled(run):
    """For each portion its first packets on air whose payload has a whole block: {portion: [packets]}."""
    air = packets_of(run.broadcast)
    found = {}
    for span in run.portions:
        rows = air[span.first_packet : span.first_packet + span.packets]
        long_enough = (rows[:, 3] & 0xC0 != 0) & ((rows[:, 3] & 0x20 == 0) | (rows[:, 4] < 160))
        found[span.index] = [row.tobytes() for row in rows[long_enough][:3]]
    return found


def is_original(packets, key, originals):
    return all(opened(packet, key) in originals for packet in packets)


@pytest.fixture(scope="module")
def originals(source):
    return {row.tobytes() for row in packets_of(source)}


def test_a01_every_portion_has_a_key_of_its_own_that_opens_it_alone(windows, originals):
    keys, packets = windows.control_words, first_scrambled(windows.run)
    assert len(keys) == 13
    assert len(set(keys.values())) == 13
    good = {(k, p) for k in keys for p in packets if is_original(packets[p], keys[k], originals)}
    assert good == {(portion, portion) for portion in keys}


def test_a01_portions_are_announced_on_air_under_their_own_number(windows):
    air = packets_of(windows.run.broadcast)
    ca_pid = windows.run.scrambled.ca_pid
    for span in windows.run.portions:
        rows = air[span.first_packet : span.first_packet + span.packets]
        rows = rows[((rows[:, 1] & 0x1F).astype(int) << 8 | rows[:, 2]) == ca_pid]
        assert len(rows)
        told = {unpack_ecm(row.tobytes()[5 : 5 + SECTION_BYTES]).portion for row in rows}
        assert told == {span.index}


def test_a02_all_terminals_receive_the_same_broadcast_at_once(windows):
    on_air = windows.run.broadcast.read_bytes()
    digests = {machine.tuner.hexdigest() for machine in windows.machines}
    assert digests == {hashlib.sha256(on_air).hexdigest()}
    for terminal in windows.run.terminals:
        status = terminal.station.events("status")[0]
        # `status` was asked for 300 ms before the end.
        assert int(status.value("packets")) > len(on_air) // 188 * 0.95
        assert (status.value("damaged"), status.value("resyncs")) == ("0", "0")


def test_a07_without_a_call_nothing_becomes_clear(windows, target):
    if len(windows.run.terminals) < 3:
        target.skip(f"the run that is shared has {len(windows.run.terminals)} terminals, and all of them call")
    for part in windows.terminal("T3").analysis.portions:
        assert part.scrambled_packets
        assert part.clear_packets == 0
    scrambled_pids = {0x100, 0x101}
    received = packets_of(windows.terminal("T3").received)
    assert len(received)
    pids = set(((received[:, 1] & 0x1F).astype(int) << 8 | received[:, 2]).tolist())
    assert not pids & scrambled_pids
    assert not windows.terminal("T3").station.events("key")


def test_a07_broadcast_holds_no_key(windows):
    on_air = windows.run.broadcast.read_bytes()
    for key in windows.control_words.values():
        assert find_traces(on_air, traces_of(key)) == []
    secret = seeded(windows.run.plan.seed, "programme secret")(32)
    assert secret not in on_air


def test_a12_parity_bits_change_with_every_portion_and_nowhere_else(dense_call):
    air = packets_of(dense_call.run.broadcast)
    for span in dense_call.run.portions:
        rows = air[span.first_packet : span.first_packet + span.packets]
        bits = set((rows[:, 3] >> 6).tolist()) - {0}
        assert bits == {2 + span.index % 2}
        assert span.parity == ("even", "odd")[span.index % 2]


def test_a12_terminal_changes_keys_without_a_damaged_packet(dense_run):
    dense_call = dense_run.observed
    whole = whole_portions(dense_call.first)
    assert len(whole) >= 8
    assert whole == list(range(whole[0], 13))
    analysis = dense_call.first.analysis
    assert (analysis.damaged_packets, analysis.skipped_bytes) == (0, 0)
    assert sum(part.clear_packets for part in analysis.portions if part.index in whole) > 6 * dense_run.packets_per_s


def test_a14_received_keys_open_no_other_portion(windows, originals):
    packets = first_scrambled(windows.run)
    received = [int(event.value("portion")) for event in windows.first.station.events("key")]
    assert len(received) >= 5
    for key in received:
        for portion in packets:
            assert is_original(packets[portion], windows.control_words[key], originals) == (portion == key)


def test_a14_keys_are_worth_nothing_in_a_rerun_of_the_same_programme(windows, originals, play, tmp_path):
    rerun = play(dataclasses.replace(windows.run.plan, seed=2), tmp_path)
    packets = first_scrambled(rerun.run)
    for key in windows.control_words.values():
        assert not any(is_original(packets[portion], key, originals) for portion in packets)


def test_a14_rerun_under_the_same_programme_secret_has_other_keys():
    secret = bytes(range(32))
    keys = {control_word(secret, 1, bytes((run,)) * 8, portion) for run in range(20) for portion in range(20)}
    assert len(keys) == 400

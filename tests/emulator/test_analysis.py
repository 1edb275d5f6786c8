"""The analysis of a terminal's output, on streams built packet by packet."""

from pathlib import Path

import numpy as np
import pytest
from headend.ts.portions import Portion
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from settop.errors import LocalError, RemoteError
from testbed.scenario.broadcasts.analysis import Analysis, analyse
from testbed.scenario.broadcasts.packetfile import read_packets

PER_PORTION = 40
PORTIONS = 5
VIDEO, AUDIO, PMT, ECM = 0x100, 0x101, 0x1000, 0x1F0


def packet(pid, counter, payload, tsc=0):
    head = bytes([0x47, 0x40 | pid >> 8, pid & 0xFF, tsc << 6 | 0x10 | counter & 15])
    return head + payload.ljust(184, b"\xff")


class Stream:
    """An original of pictures, sound and repeated PSI; its broadcast with ECM packets and a rewritten PMT."""

    def __init__(self, seed=1, still=False):
        rng = np.random.default_rng(seed)
        counters: dict[int, int] = {}

        def following(pid):
            counters[pid] = counters.get(pid, -1) + 1
            return counters[pid]

        self.original, self.on_air, self.opened = [], [], []
        for number in range(PORTIONS * PER_PORTION):
            portion = number // PER_PORTION
            kind = number % 10
            if kind in (0, 1):
                pid, name = (0, b"PAT") if kind == 0 else (PMT, b"PMT")
                count = following(pid)
                self.original.append(packet(pid, count, name))
                self.on_air.append(packet(pid, count, name if pid == 0 else b"PMT with CA"))
                self.opened.append(self.on_air[-1])
            elif kind == 2:
                self.original.append(packet(0x1FFF, 0, b""))
                self.on_air.append(packet(ECM, following(ECM), b"ECM %d" % portion))
                self.opened.append(self.on_air[-1])
            else:
                pid = AUDIO if kind == 5 else VIDEO
                payload = b"still" if still else rng.bytes(184)
                count = following(pid)
                hidden = bytes(byte ^ 0x5A for byte in payload.ljust(184, b"\xff"))
                self.original.append(packet(pid, count, payload))
                self.on_air.append(packet(pid, count, hidden, tsc=2 + portion % 2))
                self.opened.append(self.original[-1])

    def scrambled(self, number):
        return self.on_air[number][3] & 0xC0 != 0

    def output(self, clear, begin=0):
        """What a terminal puts out from packet `begin` on with the keys of the portions in `clear`."""
        return [
            self.opened[number]
            for number in range(begin, len(self.on_air))
            if not self.scrambled(number) or number // PER_PORTION in clear
        ]


ON_AIR = [Portion(10 + n, n * PER_PORTION, PER_PORTION, n * 2000) for n in range(PORTIONS)]
IN_PORTION = PER_PORTION // 10 * 7  # scrambled packets of one portion


def run(directory: Path, stream: Stream, output, portions=ON_AIR, keys=None) -> Analysis:
    for name, packets in (("original", stream.original), ("broadcast", stream.on_air), ("received", output)):
        (directory / name).write_bytes(b"".join(packets))
    return analyse(directory / "original", directory / "broadcast", directory / "received", portions, keys or {})


def clear_counts(result):
    return [portion.clear_packets for portion in result.portions]


def test_all_clear_is_counted_and_equal(tmp_path):
    stream = Stream()
    result = run(tmp_path, stream, stream.output(range(PORTIONS)), keys={10: -100, 12: 3500})
    assert clear_counts(result) == [IN_PORTION] * PORTIONS
    assert [portion.scrambled_packets for portion in result.portions] == [IN_PORTION] * PORTIONS
    assert all(portion.clear_equal_original is True for portion in result.portions)
    assert [portion.received_offset for portion in result.portions] == [0, 40, 80, 120, 160]
    assert [portion.received_packets for portion in result.portions] == [PER_PORTION] * PORTIONS
    assert (result.damaged_packets, result.skipped_bytes) == (0, 0)
    assert [portion.key_delivered_ms for portion in result.portions] == [-100, None, 3500, None, None]


def test_all_dark_has_psi_and_no_clear_packet(tmp_path):
    stream = Stream()
    result = run(tmp_path, stream, stream.output(()))
    assert clear_counts(result) == [0] * PORTIONS
    assert all(portion.clear_equal_original is None for portion in result.portions)
    assert [portion.received_packets for portion in result.portions] == [PER_PORTION // 10 * 3] * PORTIONS
    assert result.damaged_packets == 0


def test_terminal_that_put_out_nothing_is_dark(tmp_path):
    result = run(tmp_path, Stream(), [])
    assert clear_counts(result) == [0] * PORTIONS
    assert [portion.received_offset for portion in result.portions] == [0] * PORTIONS


def test_call_window_is_clear_and_the_rest_dark(tmp_path):
    stream = Stream()
    result = run(tmp_path, stream, stream.output((1, 2)))
    assert clear_counts(result) == [0, IN_PORTION, IN_PORTION, 0, 0]
    assert [portion.clear_equal_original for portion in result.portions] == [None, True, True, None, None]
    assert [portion.received_offset for portion in result.portions] == [0, 12, 52, 92, 104]


def test_portion_joined_half_way_counts_what_was_opened(tmp_path):
    stream = Stream()
    join = PER_PORTION + 17
    output = [p for n, p in enumerate(stream.opened) if not stream.scrambled(n) or n >= join]
    result = run(tmp_path, stream, output)
    opened = sum(stream.scrambled(n) for n in range(join, 2 * PER_PORTION))
    assert clear_counts(result) == [0, opened, IN_PORTION, IN_PORTION, IN_PORTION]
    assert result.portions[1].clear_equal_original is True


def test_terminal_tuned_in_late_begins_late_although_psi_repeats(tmp_path):
    stream = Stream()
    begin = 4 * PER_PORTION + 10  # at a PAT that went out before, byte for byte
    assert stream.opened[begin] in stream.opened[:begin]
    result = run(tmp_path, stream, stream.output(range(PORTIONS), begin))
    assert [portion.received_packets for portion in result.portions] == [0, 0, 0, 0, 30]
    assert result.damaged_packets == 0


def test_wrong_byte_makes_its_portion_unequal(tmp_path):
    stream = Stream()
    output = stream.output(range(PORTIONS))
    at = 2 * PER_PORTION + 7
    output[at] = output[at][:100] + bytes([output[at][100] ^ 1]) + output[at][101:]
    result = run(tmp_path, stream, output)
    assert [portion.clear_equal_original for portion in result.portions] == [True, True, False, True, True]
    assert [portion.damaged_packets for portion in result.portions] == [0, 0, 1, 0, 0]
    assert clear_counts(result) == [IN_PORTION] * PORTIONS
    assert result.damaged_packets == 1


def test_wrong_key_for_a_whole_portion_is_damage_in_that_portion_only(tmp_path):
    stream = Stream()
    output = stream.output(range(PORTIONS))
    for at in range(PER_PORTION, 2 * PER_PORTION):
        if stream.scrambled(at):
            output[at] = output[at][:4] + bytes(byte ^ 0xA5 for byte in output[at][4:])
    result = run(tmp_path, stream, output)
    assert [portion.damaged_packets for portion in result.portions] == [0, IN_PORTION, 0, 0, 0]
    assert [portion.clear_equal_original for portion in result.portions] == [True, False, True, True, True]


def test_scrambled_packet_put_out_as_it_is_is_damage_and_not_clear(tmp_path):
    stream = Stream()
    output = stream.output(())
    output[12:12] = [stream.on_air[PER_PORTION + 4]]
    result = run(tmp_path, stream, output)
    assert clear_counts(result) == [0] * PORTIONS
    assert result.damaged_packets == 1


def test_scrambled_payload_with_the_flag_cleared_is_not_taken_for_clear(tmp_path):
    stream = Stream()
    output = stream.output(range(PORTIONS))
    air = stream.on_air[PER_PORTION + 4]
    output[PER_PORTION + 4] = air[:3] + bytes([air[3] & 0x3F]) + air[4:]
    result = run(tmp_path, stream, output)
    assert result.portions[1].clear_equal_original is False


def test_lost_span_is_only_missing(tmp_path):
    stream = Stream()
    output = stream.output(range(PORTIONS))
    del output[50:115]
    result = run(tmp_path, stream, output)
    assert [portion.received_packets for portion in result.portions] == [40, 10, 5, 40, 40]
    assert result.damaged_packets == 0
    assert all(portion.clear_equal_original is True for portion in result.portions)


def test_part_of_a_packet_costs_only_that_packet(tmp_path):
    stream = Stream()
    output = stream.output(range(PORTIONS))
    output[66] = output[66][:77]
    result = run(tmp_path, stream, output)
    assert result.received_packets == len(output) - 1
    assert result.skipped_bytes == 77
    assert result.damaged_packets == 0
    assert sum(clear_counts(result)) == PORTIONS * IN_PORTION - 1


def test_bytes_between_packets_are_skipped_and_counted(tmp_path):
    stream = Stream()
    output = stream.output(range(PORTIONS))
    output[30:30] = [b"noise!"]
    result = run(tmp_path, stream, output)
    assert (result.skipped_bytes, result.damaged_packets) == (6, 0)
    assert clear_counts(result) == [IN_PORTION] * PORTIONS


def test_wrong_sync_byte_is_one_damaged_packet(tmp_path):
    stream = Stream()
    output = stream.output(range(PORTIONS))
    output[64] = b"\x00" + output[64][1:]
    result = run(tmp_path, stream, output)
    assert (result.skipped_bytes, result.damaged_packets) == (0, 1)
    assert result.received_packets == len(output)


def test_still_picture_whose_packets_repeat_is_matched_in_order(tmp_path):
    stream = Stream(still=True)
    result = run(tmp_path, stream, stream.output(range(PORTIONS)))
    assert clear_counts(result) == [IN_PORTION] * PORTIONS
    assert result.damaged_packets == 0


def test_packet_put_out_twice_is_damage(tmp_path):
    stream = Stream()
    output = stream.output(range(PORTIONS))
    output[48:48] = [output[47]]
    assert run(tmp_path, stream, output).damaged_packets == 1


def test_packet_out_of_order_is_damage(tmp_path):
    stream = Stream()
    output = stream.output(range(PORTIONS))
    output[150:150] = [output.pop(23)]
    assert run(tmp_path, stream, output).damaged_packets == 1


def test_broadcast_that_is_not_from_this_original_is_refused(tmp_path):
    stream = Stream()
    del stream.original[3]
    with pytest.raises(RemoteError, match="PID 256"):
        run(tmp_path, stream, [])


def test_file_that_is_no_transport_stream_is_refused(tmp_path):
    stream = Stream()
    stream.on_air = [b"RIFF" * 500]
    with pytest.raises(RemoteError, match="0x47"):
        run(tmp_path, stream, [])


@pytest.mark.parametrize("portions", [[], [ON_AIR[1], ON_AIR[0]], [Portion(0, 0, PORTIONS * PER_PORTION + 1, 0)]])
def test_portions_that_do_not_fit_are_refused(tmp_path, portions):
    with pytest.raises(LocalError):
        run(tmp_path, Stream(), [], portions=portions)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_loss_of_packets_is_found_without_damage(tmp_path, data):
    stream = Stream()
    clear = data.draw(st.sets(st.integers(0, PORTIONS - 1)))
    output = stream.output(clear)
    kept = sorted(data.draw(st.sets(st.integers(0, len(output) - 1))))
    result = run(tmp_path, stream, [output[n] for n in kept])
    assert result.damaged_packets == 0
    assert sum(portion.received_packets for portion in result.portions) == len(kept)
    assert all(portion.clear_equal_original is not False for portion in result.portions)
    opened = set(stream.original) - set(stream.on_air)
    assert result.clear_packets == sum(output[n] in opened for n in kept)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(junk=st.binary(max_size=3000), cut=st.integers(0, 3000))
def test_any_bytes_are_read_or_refused(tmp_path, junk, cut):
    path = tmp_path / "junk"
    path.write_bytes(junk + b"".join(Stream().original)[cut:6000] + junk)
    try:
        found = read_packets(path)
    except RemoteError:
        return
    assert found.rows.size + found.skipped_bytes == path.stat().st_size

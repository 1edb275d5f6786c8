"""Packets' fixed numbers and where a payload begins."""

from settop.ts import packet as ts


def test_the_input_begins_with_the_initialisation_vector():
    buffer = ts.new_input(3)
    assert len(buffer) == 16 + 3 * 188
    assert bytes(buffer[:16]) == b"DVBTMCPTAESCISSA"
    assert not any(buffer[16:])


def test_only_the_pat_and_service_information_are_known_at_first():
    table = ts.new_pid_table()
    assert len(table) == 0x2000
    assert table[0] == ts.PID_PAT
    assert table[0x11] == ts.PID_SDT
    assert all(kind == ts.PID_PASS for pid, kind in enumerate(table[1:0x20], 1) if pid != 0x11)
    assert not any(table[0x20:])


def test_payload_offset_for_every_adaptation_field_length():
    packet = bytearray(188)
    for control, length, expected in (
        (0x00, 0, 188),
        (0x10, 0, 4),
        (0x20, 0, 188),
        (0x20, 183, 188),
        (0x30, 0, 5),
        (0x30, 1, 6),
        (0x30, 182, 187),
        (0x30, 183, 188),
        (0x30, 184, 188),
        (0x30, 255, 188),
    ):
        packet[3] = 0x80 | control | 5
        packet[4] = length
        assert ts.payload_offset(packet) == expected, (control, length)

"""The numbers of transport streams and ids, as standards and our pages have them, also where literals repeat them."""

import struct

from settop.wire import call, ecm, ids, transport


def test_numbers_are_those_of_the_standards():
    assert (transport.PACKET_BYTES, transport.SYNC) == (188, 0x47)  # ISO/IEC 13818-1, 2.4.3.2
    assert (transport.NULL_PID, transport.LOWEST_PID, transport.LOWEST_FREE_PID) == (8191, 16, 32)
    assert transport.SDT_PID == 17  # EN 300 468 table 1
    assert (transport.TABLE_PAT, transport.TABLE_PMT, transport.TABLE_SDT) == (0, 2, 66)
    assert transport.SECTION_STREAM_TYPES == (5, 8, 10, 11, 12, 13, 19, 20, 22, 134, 149)
    assert transport.CISSA_IV == b"DVBTMCPTAESCISSA"  # TS 103 127, 6.2


def test_ids_have_the_documented_sizes():
    assert (ids.TERMINAL_ID_BYTES, ids.DEVICE_KEY_BYTES, ids.BROADCAST_ID_BYTES) == (8, 32, 8)
    assert (ids.CONTROL_WORD_BYTES, ids.NO_PORTION) == (16, 2**32 - 1)


def test_messages_leave_ids_the_room_that_they_have():
    terminal_id, broadcast_id = bytes(range(1, 1 + ids.TERMINAL_ID_BYTES)), bytes(range(9, 9 + ids.BROADCAST_ID_BYTES))
    word = bytes(range(1, 1 + ids.CONTROL_WORD_BYTES))
    assert call.unpack_hello(call.pack_hello(0, terminal_id, bytes(16)))[1] == terminal_id
    assert call.unpack_request(call.pack_request(1, broadcast_id))[1] == broadcast_id
    found = call.unpack_key(call.pack_key(1, broadcast_id, 2, word))
    assert (found[1], bytes(found[3])) == (broadcast_id, word)
    assert ecm.unpack_ecm(ecm.pack_ecm(ecm.Ecm(1, broadcast_id, 2, 3))).broadcast_id == broadcast_id
    assert struct.unpack(">I", call.pack_portion(ids.NO_PORTION))[0] == ids.NO_PORTION

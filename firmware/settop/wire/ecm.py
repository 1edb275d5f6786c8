"""ECM section and CA descriptors of a ringcast broadcast: THE definition, for both ends.

An ECM tells which portion is on air and for how long; it holds no key. Layout (big-endian), one section:

    table_id u8            0x80 even portion on air, 0x81 odd (ETSI ETR 289, CA message section)
    0x70 | length u12      section_syntax_indicator 0, private 1, reserved 11
    version u8             1
    programme_id u32
    broadcast_id 8 bytes   new for every run of a broadcast
    portion u32            index of the portion on air, from 0
    remaining_ms u32       time to the next change, in ms of the programme's PCR
    crc u32                CRC-32/MPEG-2 over all that precedes
"""

import struct

from settop.errors import RemoteError
from settop.wire.crc import crc32_mpeg2
from settop.wire.offer import pack_offer, unpack_offer

TABLE_EVEN = 0x80
TABLE_ODD = 0x81
VERSION = 1
SECTION_BYTES = 28
# No CA_system_id is registered for ringcast; this one lies outside the blocks given to makers (ETSI TS 101 162).
CA_SYSTEM_ID = 0xFFFE
CA_DESCRIPTOR_TAG = 0x09

_BODY = ">BHBI8sII"
_CA_BYTES = 11  # of a CA descriptor without a price


class Ecm:
    """What one ECM section says. `remaining_ms` 0..2^32-1, `portion` 0..2^32-1."""

    def __init__(self, programme_id, broadcast_id, portion, remaining_ms):
        self.programme_id = programme_id
        self.broadcast_id = broadcast_id
        self.portion = portion
        self.remaining_ms = remaining_ms

    @property
    def parity(self):
        """0 for an even portion, 1 for an odd one."""
        return self.portion & 1


def pack_ecm(ecm):
    """The section's bytes (SECTION_BYTES long)."""
    head = struct.pack(
        _BODY,
        TABLE_ODD if ecm.portion & 1 else TABLE_EVEN,
        0x7000 | (SECTION_BYTES - 3),
        VERSION,
        ecm.programme_id,
        ecm.broadcast_id,
        ecm.portion,
        ecm.remaining_ms,
    )
    return head + struct.pack(">I", crc32_mpeg2(head))


def unpack_ecm(section):
    """Section bytes to Ecm. Raises RemoteError for any other length, table, version, CRC or parity."""
    if len(section) != SECTION_BYTES:
        raise RemoteError("ECM section of %d bytes, expected %d" % (len(section), SECTION_BYTES))
    table, length, version, programme_id, broadcast_id, portion, remaining_ms = struct.unpack(
        _BODY, section[: SECTION_BYTES - 4]
    )
    if table not in (TABLE_EVEN, TABLE_ODD) or length != 0x7000 | (SECTION_BYTES - 3):
        raise RemoteError("not an ECM section: table 0x%02x" % table)
    if crc32_mpeg2(section) != 0:
        raise RemoteError("ECM section with a wrong CRC")
    if version != VERSION:
        raise RemoteError("ECM version %d, expected %d" % (version, VERSION))
    if table - TABLE_EVEN != portion & 1:
        raise RemoteError("ECM table 0x%02x does not fit portion %d" % (table, portion))
    return Ecm(programme_id, bytes(broadcast_id), portion, remaining_ms)


def pack_ca_descriptor(ca_pid, programme_id, offer=None):
    """CA_descriptor (ISO/IEC 13818-1, 2.6.16); private data: version, programme id and (unless None) the Offer; no
    secret."""
    price = b"" if offer is None else pack_offer(offer)
    size = _CA_BYTES - 2 + len(price)
    head = struct.pack(">BBHHBI", CA_DESCRIPTOR_TAG, size, CA_SYSTEM_ID, 0xE000 | ca_pid, VERSION, programme_id)
    return head + price


def unpack_ca_descriptor(descriptor):
    """(ca_pid, programme_id), or None where the descriptor belongs to another CA system. See unpack_ca_offer."""
    if len(descriptor) < _CA_BYTES or descriptor[0] != CA_DESCRIPTOR_TAG or descriptor[1] != len(descriptor) - 2:
        return None
    _, _, system, pid, version, programme_id = struct.unpack(">BBHHBI", descriptor[:_CA_BYTES])
    if system != CA_SYSTEM_ID or version != VERSION:
        return None
    return pid & 0x1FFF, programme_id


def unpack_ca_offer(descriptor):
    """The Offer in a CA descriptor of ours, or None where it announces no price, or none that can be one."""
    return unpack_offer(descriptor[_CA_BYTES:])

"""PAT and PMT as far as a terminal needs them (ISO/IEC 13818-1, 2.4.4): which PIDs are what, and where the ECMs are."""

from settop.errors import RemoteError
from settop.ts.packet import PACKET_BYTES, payload_offset
from settop.wire.crc import crc32_mpeg2
from settop.wire.ecm import CA_DESCRIPTOR_TAG, unpack_ca_descriptor, unpack_ca_offer

TABLE_PAT = 0x00
TABLE_PMT = 0x02
MAX_SECTION_BYTES = 1024
STUFFING = 0xFF
# Stream types that are sections themselves (ISO/IEC 13818-1 table 2-34, SCTE 35): never scrambled.
SECTION_STREAM_TYPES = (0x05, 0x08, 0x0A, 0x0B, 0x0C, 0x0D, 0x13, 0x14, 0x16, 0x86, 0x95)


class Pmt:
    """`programme` number, PIDs of its `streams` (with the PCR) and of its `tables` (sets), `ca`: (CA PID, programme
    id) of our CA descriptor, or None; `offer`: the price that it announces, or None."""

    def __init__(self, programme, streams, tables, ca, offer=None):
        self.programme = programme
        self.streams = streams
        self.tables = tables
        self.ca = ca
        self.offer = offer


class SectionReader:
    """Sections of one PID, put together from packets. An interrupted one is dropped and counted in `dropped`; at most
    MAX_SECTION_BYTES and one packet are held."""

    def __init__(self):
        self.dropped = 0
        self._part = None
        self._next_cc = None

    def feed(self, packet):
        """List of whole sections (bytes, 3 to MAX_SECTION_BYTES, CRC not yet checked) that end in this packet."""
        at = payload_offset(packet)
        if at >= PACKET_BYTES:
            return []
        counter = packet[3] & 0x0F
        if self._next_cc is not None and counter != self._next_cc:
            if counter == self._next_cc - 1 & 0x0F:
                return []  # a duplicate packet (2.4.3.3)
            self._drop()
        self._next_cc = counter + 1 & 0x0F
        done = []
        if packet[1] & 0x40:
            start = at + 1 + packet[at]
            if start > PACKET_BYTES:
                self._drop()
                return done
            if self._part is not None:
                self._part.extend(packet[at + 1 : start])
                self._finish(done)
                self._drop()
            at = start
            while at < PACKET_BYTES and packet[at] != STUFFING:
                self._part = bytearray(packet[at:PACKET_BYTES])
                size = self._size()
                if size is None or size > len(self._part):
                    break
                self._finish(done)
                at += size
        elif self._part is not None:
            self._part.extend(packet[at:PACKET_BYTES])
            self._finish(done)
        return done

    def _size(self):
        part = self._part
        return 3 + ((part[1] & 0x0F) << 8 | part[2]) if len(part) >= 3 else None

    def _finish(self, done):
        size = self._size()
        if size is None:
            return
        if size > MAX_SECTION_BYTES:
            self._drop()
        elif len(self._part) >= size:
            done.append(bytes(self._part[:size]))
            self._part = None

    def _drop(self):
        if self._part is not None:
            self.dropped += 1
        self._part = None


def _body(section, table):
    """Checks the long-form section and returns the index of its CRC."""
    if len(section) < 12 or section[0] != table or not section[1] & 0x80:
        raise RemoteError("not a section of table 0x%02x" % table)
    if crc32_mpeg2(section) != 0:
        raise RemoteError("section of table 0x%02x with a wrong CRC" % table)
    return len(section) - 4


def is_current(section):
    """Whether a section of 12 octets or more is in force, not announced for later (current_next_indicator)."""
    return section[5] & 1 == 1


def unpack_pat(section):
    """{programme number: PMT PID}, without the network PID (number 0). Raises RemoteError."""
    end = _body(section, TABLE_PAT)
    programmes = {}
    for at in range(8, end - 3, 4):
        number = section[at] << 8 | section[at + 1]
        if number:
            programmes[number] = (section[at + 2] & 0x1F) << 8 | section[at + 3]
    return programmes


def unpack_pmt(section):
    """A PMT section as Pmt. Raises RemoteError, also where a length leads out of the section."""
    end = _body(section, TABLE_PMT)
    streams = {(section[8] & 0x1F) << 8 | section[9]}
    tables = set()
    at = 12
    limit = at + ((section[10] & 0x0F) << 8 | section[11])
    ca = _find_ca(section, at, limit, end)
    at = limit
    while at < end:
        if at + 5 > end:
            raise RemoteError("PMT stream entry leads out of its section")
        kind = tables if section[at] in SECTION_STREAM_TYPES else streams
        kind.add((section[at + 1] & 0x1F) << 8 | section[at + 2])
        limit = at + 5 + ((section[at + 3] & 0x0F) << 8 | section[at + 4])
        ca = ca or _find_ca(section, at + 5, limit, end)
        at = limit
    found, offer = ca or (None, None)
    return Pmt(section[3] << 8 | section[4], streams - tables, tables, found, offer)


def _find_ca(section, at, limit, end):
    """The first CA descriptor of ours between `at` and `limit`, as ((CA PID, programme id), Offer or None), or None."""
    if limit > end:
        raise RemoteError("PMT descriptors lead out of their section")
    found = None
    while at + 2 <= limit:
        size = 2 + section[at + 1]
        if at + size > limit:
            raise RemoteError("PMT descriptor leads out of its loop")
        if found is None and section[at] == CA_DESCRIPTOR_TAG:
            ours = unpack_ca_descriptor(section[at : at + size])
            if ours is not None:
                found = (ours, unpack_ca_offer(section[at : at + size]))
        at += size
    return found

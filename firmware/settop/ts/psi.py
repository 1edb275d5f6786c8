"""PAT and PMT as far as a terminal needs them (ISO/IEC 13818-1, 2.4.4): which PIDs are what, and where the ECMs are."""

from settop.errors import RemoteError
from settop.ts.packet import LOWEST_FREE_PID, LOWEST_PID, NULL_PID, PACKET_BYTES, payload_offset
from settop.wire.crc import crc32_mpeg2

TABLE_PAT = 0x00
TABLE_PMT = 0x02
MAX_SECTION_BYTES = 1024
STUFFING = 0xFF
# Stream types that are sections themselves (ISO/IEC 13818-1 table 2-34, SCTE 35): never scrambled.
SECTION_STREAM_TYPES = (0x05, 0x08, 0x0A, 0x0B, 0x0C, 0x0D, 0x13, 0x14, 0x16, 0x86, 0x95)


class Pmt:
    """`programme` number, PIDs of its `streams` (with the PCR) and of its `tables` (sets); `ca` and `offer`: what was
    recognised in its descriptors, None where nothing was."""

    def __init__(self, programme, streams, tables, ca, offer=None):
        self.programme = programme
        self.streams = streams
        self.tables = tables
        self.ca = ca
        self.offer = offer


class SectionReader:
    """Sections of some tables on one PID, put together from packets; those of other tables are passed over.

    An interrupted one is dropped and counted in `dropped`; at most MAX_SECTION_BYTES and one packet are held.
    """

    def __init__(self, *tables):
        self.dropped = 0
        self._tables = tables  # table ids
        self._part = None
        # Of the packet that brought the last of `_part`: its counter, where its payload began, how much of it is there.
        self._counter = 0
        self._at = 0
        self._fresh = 0

    def busy(self):
        """Whether a section is under way. Where none is, a packet before the next start of one means nothing."""
        return self._part is not None

    def feed(self, packet):
        """List of whole sections (bytes, 3 to MAX_SECTION_BYTES, CRC not yet checked) that end in this packet."""
        done = []
        at = payload_offset(packet)
        if at >= PACKET_BYTES or packet[1] & 0x80:
            return done
        starts = packet[1] & 0x40
        counter = packet[3] & 0x0F
        if self._part is not None and counter != self._counter + 1 & 0x0F:
            if counter == self._counter and self._is_same(packet, at):
                self._fresh = 0  # a packet may be sent twice, and no more often (2.4.3.3)
                return done
            self._drop()
        self._counter = counter
        self._at = at
        if starts:
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
                size = 3 + ((packet[at + 1] & 0x0F) << 8 | packet[at + 2]) if at + 2 < PACKET_BYTES else PACKET_BYTES
                if packet[at] in self._tables:
                    if at + size <= PACKET_BYTES:
                        done.append(bytes(packet[at : at + size]))
                    else:
                        self._part = bytearray(packet[at:PACKET_BYTES])
                        self._fresh = PACKET_BYTES - at
                at += size
        elif self._part is not None:
            self._part.extend(packet[at:PACKET_BYTES])
            self._fresh = PACKET_BYTES - at
            self._finish(done)
        return done

    def _is_same(self, packet, at):
        fresh = self._fresh
        return at == self._at and fresh > 0 and self._part[-fresh:] == packet[PACKET_BYTES - fresh : PACKET_BYTES]

    def _finish(self, done):
        part = self._part
        if len(part) < 3:
            return
        size = 3 + ((part[1] & 0x0F) << 8 | part[2])
        if size > MAX_SECTION_BYTES:
            self._drop()
        elif len(part) >= size:
            done.append(bytes(part[:size]))
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
    """What the PAT names, as bytes: programme number and PMT PID of each usable entry, two octets each.

    Raises RemoteError for no PAT. Left out are the network PID (programme 0), PIDs that no PMT may have (below 0x10,
    0x1fff: table 2-3) and octets that make no entry.
    """
    end = _body(section, TABLE_PAT)
    pairs = bytearray()
    for at in range(8, end - 3, 4):
        high = section[at + 2] & 0x1F
        pid = high << 8 | section[at + 3]
        if section[at] | section[at + 1] and LOWEST_PID <= pid < NULL_PID:
            pairs.extend(section[at : at + 2])
            pairs.append(high)
            pairs.append(pid & 0xFF)
    return bytes(pairs)


def unpack_pmt(section, recognise=None):
    """A PMT section as Pmt. `recognise(descriptor)` gives (`ca`, `offer`) for a descriptor's octets, or None; the first
    that it knows counts, those of the programme before those of its streams. Raises RemoteError for no PMT.

    Lengths that do not fit are no reason to lose what can be read: a loop that leads out of its section ends with it,
    and of descriptors all are read up to the first that leads out of its loop.
    """
    end = _body(section, TABLE_PMT)
    if end < 12:
        raise RemoteError("PMT of %d octets, expected 16 or more" % len(section))
    streams = set()
    pcr = (section[8] & 0x1F) << 8 | section[9]
    if pcr >= LOWEST_FREE_PID:  # service information passes anyway
        streams.add(pcr)
    tables = set()
    at = 12
    limit = min(end, at + ((section[10] & 0x0F) << 8 | section[11]))
    ca = _recognised(section, at, limit, recognise)
    at = limit
    while at + 5 <= end:
        kind = tables if section[at] in SECTION_STREAM_TYPES else streams
        kind.add((section[at + 1] & 0x1F) << 8 | section[at + 2])
        limit = min(end, at + 5 + ((section[at + 3] & 0x0F) << 8 | section[at + 4]))
        ca = ca or _recognised(section, at + 5, limit, recognise)
        at = limit
    found, offer = ca or (None, None)
    return Pmt(section[3] << 8 | section[4], streams - tables, tables, found, offer)


def _recognised(section, at, limit, recognise):
    """What `recognise` makes of the first descriptor that it knows between `at` and `limit`, or None."""
    while recognise is not None and at + 2 <= limit:
        size = 2 + section[at + 1]
        if at + size > limit:
            break
        found = recognise(section[at : at + size])
        if found is not None:
            return found
        at += size
    return None

"""What each PID is, learnt from PAT and PMTs: the table that sorts packets, and where this broadcast's ECMs are.

A stream is opened only where its programme names the CA PID and programme id in use: those of the service that the
viewer has chosen, else of the one with the lowest number that has our CA descriptor. One keyring, one broadcast. The
PIDs of PAT, PMTs and ECMs keep their meaning whatever a PMT says, and PIDs below 0x10 are never opened.

Whether a table is new, its octets say: section numbers, transport stream, version and CRC, not continuity counters. A
programme's PMT is in force until another one comes where the PAT says, or the PAT leaves the programme out. One entry
that cannot be used costs that entry; where memory ends, `left_out` says what was not followed.
"""

from settop.errors import RemoteError
from settop.player.names import MAX_NAMES, Names
from settop.ts import packet as ts
from settop.ts.psi import TABLE_PAT, TABLE_PMT, SectionReader, is_current, unpack_pat, unpack_pmt
from settop.wire import dark

MAX_SERVICES = 512  # twice what a section can hold; 9 octets each
MAX_PIDS = 800  # that PMTs of ours name, each of those counted as PMT_COST more
PMT_COST = 8
MAX_READERS = 8  # PMTs that are under way at once; all others lie within a packet
_PAIR = 4  # service number, PMT PID
_MARK = 5  # of what has been read: _READ, CRC
_READ = 1


class Programmes:
    """`table`: the octet of each PID (settop.ts.packet PID_*). `recognise`: see settop.ts.psi.unpack_pmt; the first
    member of its `ca` is the PID of the system's messages (ECMs). `ca`: the one in use, or None; `offer`: the price
    that is announced with it, or None.

    `service`: the number of the chosen service, None for the lowest one of ours and all that share its ECMs. `changed`:
    the table is another one than when the owner last set this to False.
    """

    def __init__(self, recognise):
        self.table = ts.new_pid_table()
        self._recognise = recognise
        self.ca = None
        self.offer = None
        self.service = None
        self.changed = False
        self.names = Names()
        self._pat = SectionReader(TABLE_PAT)
        self._pat_key = b""  # transport stream, version and number of sections of the PAT that is being read
        self._pat_marks = bytearray()  # by section
        self._round = b""  # pairs of a PAT in several sections, as far as it has come
        self._pairs = b""  # of the PAT in force
        self._marks = bytearray()  # by pair: of the last PMT that came
        self._pmts = {}  # ours in force, by number << 13 | PMT PID: (streams, tables, CA, Offer)
        self._readers = {}  # by PMT PID
        self._idle = SectionReader(TABLE_PMT)
        self._below_ecm = ts.PID_DROP  # what the ECMs' PID would be without them
        self._short = False  # something was left out
        self._left_out = []
        self._told = {}

    def missing(self):
        """Why the tables lead to no ECM: NO_PAT, NO_PMT or NOT_OURS of settop.wire.dark; CLEAR where they do."""
        if self.ca is not None:
            return dark.CLEAR
        pairs = self._pairs
        if not pairs:
            return dark.NO_PAT
        found = False
        for at in range(0, len(pairs), _PAIR):
            if self.service in (None, pairs[at] << 8 | pairs[at + 1]):
                if self._marks[at // _PAIR * _MARK] != _READ:
                    return dark.NO_PMT
                found = True
        return dark.NOT_OURS if found else dark.NO_PMT

    def feed_pat(self, packet):
        """Take a packet of PID 0. Raises RemoteError for a section that breaks the rules; the old one then stays."""
        self._each(self._pat.feed(packet), self._on_pat, 0)

    def feed_pmt(self, packet):
        """Take a packet of a PMT PID (188 octets). Raises RemoteError as feed_pat."""
        pid = (packet[1] & 0x1F) << 8 | packet[2]
        reader = self._readers.pop(pid, None) or self._idle or SectionReader(TABLE_PMT)
        self._idle = None
        sections = reader.feed(packet)
        if not reader.busy():
            self._idle = reader
        else:
            if len(self._readers) >= MAX_READERS:
                self._readers.pop(next(iter(self._readers)))
            self._readers[pid] = reader
        self._each(sections, self._on_pmt, pid)

    def feed_sdt(self, packet):
        """Take a packet of the SDT's PID. Raises RemoteError as feed_pat."""
        self.names.feed(packet, self.has, self.is_ours)
        if self.names.full:
            self._tell("names", "more than %d services have names; some are left out" % MAX_NAMES)

    def tune(self, number):
        """Choose a service, which need not be there yet; None for the lowest one of ours."""
        self._clear()
        self._withdraw()
        self.service = number
        if self._short or (number is not None and not self.is_ours(number)):
            # What was left out may find room now: read all tables anew.
            self._short = False
            self._pat_key = b""
            self._marks = bytearray(len(self._marks))
        self._announce()
        self._fill()

    def left_out(self):
        """What there was no room for, as a text for the console, once; or None."""
        return self._left_out.pop(0) if self._left_out else None

    def has(self, number):
        """Whether the PAT has a service of that number."""
        return number is not None and _find(self._pairs, number.to_bytes(2, "big")) >= 0

    def is_ours(self, number):
        """Whether a PMT in force names our CA system for that service."""
        for key in self._pmts:
            if key >> 13 == number:
                return True
        return False

    def is_tuned(self, number):
        """Whether the service's streams are opened and put out where there is a key."""
        for key, kept in self._pmts.items():
            if key >> 13 == number and kept[2] == self.ca and self.service in (None, number):
                return True
        return False

    def service_behind(self, number):
        """The lowest service number of the PAT above `number`, or None. No list: there may be hundreds."""
        lowest = None
        pairs = self._pairs
        for at in range(0, len(pairs), _PAIR):
            one = pairs[at] << 8 | pairs[at + 1]
            if one > number and (lowest is None or one < lowest):
                lowest = one
        return lowest

    # --- sections ---------------------------------------------------------------------------------------------------

    def _each(self, sections, take, pid):
        """All sections of a packet, whatever one of them is like; then RemoteError if one was bad."""
        bad = None
        for section in sections:
            try:
                take(section, pid)
            except RemoteError as error:
                bad = error
        if bad is not None:
            raise bad

    def _on_pat(self, section, _):
        if len(section) < 12:
            raise RemoteError("PAT of %d octets, expected 12 or more" % len(section))
        number, last = section[6], section[7]
        key = bytes(section[3:6]) + bytes(section[7:8])
        mark = bytes((_READ,)) + section[-4:]
        at = _MARK * number
        if key == self._pat_key and self._pat_marks[at : at + _MARK] == mark:
            return  # the same again
        pairs = unpack_pat(section)
        if not is_current(section):
            return
        if number > last:
            raise RemoteError("PAT section %d of %d" % (number, last))
        if key != self._pat_key or self._pat_marks[at]:
            # Another version, or the same one with other content: all of its sections are to come.
            self._pat_key = key
            self._pat_marks = bytearray(_MARK * (last + 1))
            self._round = b""
        self._pat_marks[at : at + _MARK] = mark
        pairs = self._fit(self._round + pairs)
        self._round = pairs
        for at in range(0, _MARK * (last + 1), _MARK):
            if not self._pat_marks[at]:
                # What a section that has not come yet may name again stays for so long.
                pairs = self._fit(pairs + _others(self._pairs, pairs))
                break
        else:
            self._round = b""
        self._follow(pairs)

    def _fit(self, pairs):
        most = _PAIR * MAX_SERVICES
        if len(pairs) <= most:
            return pairs
        self._tell("services", "more than %d services in the PAT; the last ones are left out" % MAX_SERVICES)
        chosen = b""
        if self.service is not None:
            at = _find(pairs, self.service.to_bytes(2, "big"))
            if at >= most:
                chosen = pairs[at : at + _PAIR]
        return chosen + pairs[: most - len(chosen)]

    def _follow(self, pairs):
        """The PAT names these from now on."""
        if pairs == self._pairs:
            return
        self._clear()
        self._withdraw()
        marks = bytearray(len(pairs) // _PAIR * _MARK)
        for at in range(0, len(pairs), _PAIR):
            old = self._mark_of(pairs[at : at + _PAIR])
            if old >= 0:
                to = at // _PAIR * _MARK
                marks[to : to + _MARK] = self._marks[old : old + _MARK]
        self._pairs = pairs
        self._marks = marks
        for key in list(self._pmts):
            if not self.has(key >> 13):
                del self._pmts[key]
        self.names.keep(self.has)
        self._announce()
        self._fill()
        for pid in list(self._readers):
            if self.table[pid] not in (ts.PID_PMT, ts.PID_OTHER_PMT):
                del self._readers[pid]

    def _on_pmt(self, section, pid):
        if len(section) < 16:
            raise RemoteError("PMT of %d octets, expected 16 or more" % len(section))
        at = self._mark_of(bytes(section[3:5]) + pid.to_bytes(2, "big"))
        if at < 0 or section[6]:
            return  # not announced here: another programme's PID, or an old one's
        marks = self._marks
        if marks[at] == _READ and marks[at + 1 : at + _MARK] == section[-4:]:
            return
        pmt = unpack_pmt(section, self._recognise)
        if not is_current(section):
            return
        marks[at] = _READ
        marks[at + 1 : at + _MARK] = section[-4:]
        number = pmt.programme
        key = number << 13 | pid
        known = self.is_ours(number)
        if not known and pmt.ca is None:
            return
        self._clear()
        for other in list(self._pmts):
            if other >> 13 == number and (other == key or self._mark_of(_pair(other)) < 0):
                del self._pmts[other]
        if pmt.ca is not None:
            self._pmts[key] = (_packed(pmt.streams), _packed(pmt.tables), pmt.ca, pmt.offer)
            self._make_room()
            if not known and self.names.full:
                self.names.again()
        self._fill()

    def _make_room(self):
        """Give up those with the highest numbers where there are too many; never the chosen one."""
        pmts = self._pmts
        while sum([PMT_COST + (len(streams) + len(tables)) // 2 for streams, tables, _, _ in pmts.values()]) > MAX_PIDS:
            key = max([key for key in pmts if key >> 13 != self.service])
            del pmts[key]
            self._tell("streams", "too many services with too many streams; service %d is left out" % (key >> 13))

    def _mark_of(self, pair):
        """Where the mark of such a pair is, -1 for none."""
        at = _find(self._pairs, pair)
        return at // _PAIR * _MARK if at >= 0 else -1

    def _tell(self, kind, text):
        self._short = True
        if self._told.get(kind) != text:
            self._told[kind] = text
            self._left_out.append(text)

    # --- the table --------------------------------------------------------------------------------------------------

    def _clear(self):
        """Forget every PID that a PMT named."""
        table = self.table
        if self.ca is not None:
            table[self.ca[0]] = self._below_ecm
        for streams, tables, _, _ in self._pmts.values():
            self._enter(streams, None)
            self._enter(tables, None)

    def _fill(self):
        """Enter what the PMTs name, the stronger meaning last: section, stream, ECM. PMT PIDs are there already."""
        table = self.table
        service = self.service
        pmts = [self._pmts[key] for key in sorted(self._pmts) if service in (None, key >> 13)]
        self.ca, self.offer = pmts[0][2:] if pmts else (None, None)
        for kind in (ts.PID_PASS, ts.PID_ES):
            for streams, tables, ca, _ in pmts:
                if ca == self.ca:
                    self._enter(streams if kind == ts.PID_ES else tables, kind)
        if self.ca is not None:
            at = self.ca[0]
            self._below_ecm = table[at] if table[at] & ts.PID_KIND in (ts.PID_PMT, ts.PID_OTHER_PMT) else ts.PID_DROP
            table[at] = ts.PID_ECM
        self.changed = True

    def _enter(self, pids, kind):
        """PIDs of a PMT, packed; they take nothing from a PMT's own. `kind` None: as if no table had named them."""
        table = self.table
        for at in range(0, len(pids), 2):
            pid = pids[at] << 8 | pids[at + 1]
            if table[pid] & ts.PID_KIND in (ts.PID_PMT, ts.PID_OTHER_PMT):
                continue
            if kind is None:
                table[pid] = ts.unnamed(pid)
            elif ts.LOWEST_PID <= pid < ts.NULL_PID and (kind != ts.PID_PASS or pid >= ts.LOWEST_FREE_PID):
                table[pid] = kind

    def _withdraw(self):
        """Forget the PMT PIDs: the PAT names others, or another service is chosen."""
        table = self.table
        pairs = self._pairs
        for at in range(2, len(pairs), _PAIR):
            pid = pairs[at] << 8 | pairs[at + 1]
            table[pid] = ts.unnamed(pid)

    def _announce(self):
        table = self.table
        pairs = self._pairs
        kind = ts.PID_PMT if self.service is None else ts.PID_OTHER_PMT
        for at in range(2, len(pairs), _PAIR):
            table[pairs[at] << 8 | pairs[at + 1]] = kind
        if self.service is not None:
            for at in range(0, len(pairs), _PAIR):
                if pairs[at] << 8 | pairs[at + 1] == self.service:
                    table[pairs[at + 2] << 8 | pairs[at + 3]] = ts.PID_PMT


def _find(pairs, start):
    """Where the first pair that begins with these octets is, -1 for none."""
    at = pairs.find(start)
    while at > 0 and at % _PAIR:
        at = pairs.find(start, at + 1)
    return at


def _others(pairs, than):
    """Those of `pairs` whose numbers `than` has not."""
    others = bytearray()
    for at in range(0, len(pairs), _PAIR):
        if _find(than, pairs[at : at + 2]) < 0:
            others.extend(pairs[at : at + _PAIR])
    return bytes(others)


def _pair(key):
    return (key >> 13).to_bytes(2, "big") + (key & 0x1FFF).to_bytes(2, "big")


def _packed(pids):
    """A set of PIDs in two octets each: of hundreds of integers a set takes twice that, and a dictionary more."""
    packed = bytearray()
    for pid in pids:
        packed.append(pid >> 8)
        packed.append(pid & 0xFF)
    return bytes(packed)

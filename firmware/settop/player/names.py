"""Names of the services that the PAT has, as the SDT says them (ETSI EN 300 468, 5.2.3)."""

from settop.ts.psi import SectionReader, is_current
from settop.ts.sdt import text_of, unpack_sdt
from settop.wire.transport import TABLE_SDT

MAX_NAMES = 64
MAX_SECTIONS = 32  # of which it is remembered that they have been read


class Names:
    """`full`: there were more names than find room; those of services that `is_ours` come first."""

    def __init__(self):
        self.full = False
        self._names = {}  # by service number
        self._read = {}  # CRC by section number: checking it takes a board longer than all the rest
        self._reader = SectionReader(TABLE_SDT)

    def get(self, number):
        """The service's name, "" for none."""
        return self._names.get(number, "")

    def feed(self, packet, is_there, is_ours):
        """Take a packet of the SDT's PID. `is_there(number)`: the PAT has such a service; `is_ours(number)`: and it is
        ringcast's. Raises RemoteError for a section that breaks the rules."""
        for section in self._reader.feed(packet):
            if len(section) < 15 or self._read.get(section[6]) == section[-4:]:
                continue
            services = unpack_sdt(section)
            if not is_current(section):
                continue
            if len(self._read) < MAX_SECTIONS or section[6] in self._read:
                self._read[section[6]] = section[-4:]
            for number, raw in services:
                if is_there(number):
                    self._take(number, text_of(raw), is_ours)

    def _take(self, number, name, is_ours):
        names = self._names
        if number not in names and len(names) >= MAX_NAMES:
            self.full = True
            if not is_ours(number):
                return
            for other in names:
                if not is_ours(other):
                    del names[other]
                    break
            else:
                return
        names[number] = name

    def again(self):
        """Other services are wanted: read the SDT anew when it comes."""
        self._read = {}

    def keep(self, is_there):
        """Forget the services that are there no more."""
        for number in list(self._names):
            if not is_there(number):
                del self._names[number]
        self.full = False
        self._read = {}

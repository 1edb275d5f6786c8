"""Named mutants of the service that plays titles: its keys, its chip, its sources."""

from tests.soak.mutants import Mutant

ROOM = "firmware/settop/services/titles"
SERVICE = ("tests/firmware/test_title_service.py", "tests/firmware/test_title_over_network.py")
PAGE = ("tests/host/test_licence_page.py",)
FETCH = ("tests/firmware/test_fetch.py",)

MUTANTS = (
    Mutant(
        "a key is taken by its name alone, whatever id is in the record",
        f"{ROOM}/licences.py",
        " or data[1:_KEY_AT] != kid",
        "",
        SERVICE,
    ),
    Mutant(
        "a licence that is forgotten stays",
        f"{ROOM}/licences.py",
        "        self._records.delete(_name(kid))\n",
        "",
        SERVICE,
    ),
    Mutant(
        "what is forgotten is another title's, whose name begins alike",
        f"{ROOM}/licences.py",
        "        if key is None:\n            raise LocalError",
        "        if False:\n            raise LocalError",
        SERVICE,
    ),
    Mutant(
        "a licence is for every terminal of one device key",
        "firmware/settop/wire/licence.py",
        "return LABEL + bytes(terminal_id)",
        "return LABEL",
        PAGE,
    ),
    Mutant(
        "a title that failed is not silenced",
        f"{ROOM}/states.py",
        '("fading", "faded", "_cancel", "stopping")',
        '("fading", "faded", "", "idle")',
        SERVICE,
    ),
    Mutant(
        "a title that was cut is silenced before what was good is heard",
        f"{ROOM}/states.py",
        '("playing", "wrong", "_fade", "fading")',
        '("playing", "wrong", "_fail", "stopping")',
        SERVICE,
    ),
    Mutant(
        "behind a seek the reader goes on with the title's beginning",
        f"{ROOM}/service.py",
        "        self._reader.jump(place)\n",
        "",
        SERVICE,
    ),
    Mutant(
        "a chip that takes nothing is waited for without end",
        f"{ROOM}/service.py",
        "if self._full and now_ms - self._took_ms > STUCK_MS:",
        "if False:",
        SERVICE,
    ),
    Mutant(
        "the link stays up when a title is over",
        f"{ROOM}/web_source.py",
        "        self._fetch.give_up()\n        self._network.leave(_WHO, now_ms)\n",
        "        self._fetch.give_up()\n",
        SERVICE,
    ),
    Mutant(
        "a piece that was not yet taken is written over",
        f"{ROOM}/web_source.py",
        "        if self.at < self.end:\n            return 0\n",
        "",
        SERVICE,
    ),
    Mutant(
        "what is fetched from the middle on is taken for the beginning by a server without ranges",
        "firmware/settop/net/fetch.py",
        "        self._skip = self.got - core.first\n        if self.got == self._start:\n",
        "        if self.got == self._start:\n            self._skip = 0\n",
        FETCH,
    ),
)

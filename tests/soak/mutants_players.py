"""Named mutants of portable players: what must never be played elsewhere, be kept by who left, or be lost."""

from tests.soak.mutants import Mutant

_CONTACT = "firmware/settop/dock/contact.py"
_DOCK = "firmware/settop/services/dock/core.py"
_PLAYER = "firmware/settop/services/player/core.py"
_SERVICE = "firmware/settop/services/player/service.py"
_COPIES = "firmware/settop/services/player/copies.py"
_LIST = "firmware/settop/services/dock/household.py"
_WIRE = "firmware/settop/wire/household.py"
_RECODE = "firmware/settop/titles/recode.py"
_WRITER = "firmware/settop/titles/tenth_writer.py"
_SHOP = "host/headend/shop/household.py"
_BY_DOCK = ("tests/firmware/test_dock.py",)
_BY_SERVICE = ("tests/firmware/test_dock_service.py",)
_BY_HOUSEHOLD = ("tests/firmware/test_dock_household.py",)
_BY_RECODED = ("tests/link/test_titles_recoded.py",)
_BY_SHOP = ("tests/host/test_shop_household.py",)

MUTANTS = (
    Mutant("any proof will do", _CONTACT, "return self.alive and equal(proof, self._theirs)", "return True", _BY_DOCK),
    Mutant("both ends show the same proof", _CONTACT, "            theirs, own = own, theirs\n", "", _BY_DOCK),
    Mutant(
        "a player is asked before the contact is open",
        _PLAYER,
        "elif not self._opened and self._asked[0] != wire.OPEN:",
        "elif False:",
        _BY_DOCK,
    ),
    Mutant("a question is done as often as it comes", _PLAYER, "if counter == self._counter:", "if False:", _BY_DOCK),
    Mutant("an old answer goes to another contact", _PLAYER, "if ticket != self._ticket or ", "if ", _BY_DOCK),
    Mutant("a damaged copy is kept", _SERVICE, "if not equal(found, digest):", "if False:", _BY_SERVICE),
    Mutant(
        "a copy on its way is begun anew", _SERVICE, "self._at = self._synced = size or 0", "self._at = 0", _BY_SERVICE
    ),
    Mutant("a full flash is found out on the way", _SERVICE, "or room > copies.room(file)", "", _BY_SERVICE),
    Mutant(
        "a copy's record is not counted",
        _COPIES,
        "self._records.store(copy.hex(), data, counted=True)",
        "self._records.store(copy.hex(), data)",
        _BY_HOUSEHOLD,
    ),
    Mutant(
        "who left keeps its copies",
        _SERVICE,
        "self._copies.forget(household, standing == wire.GONE)",
        "self._copies.forget(household, False)",
        _BY_HOUSEHOLD,
    ),
    Mutant("copies of another household stay", _COPIES, "if copy.household == household:", "if True:", _BY_HOUSEHOLD),
    Mutant(
        "an older list is taken",
        _LIST,
        "if kept is not None and found[1] <= wire.split(kept)[1]:",
        "if False:",
        _BY_HOUSEHOLD,
    ),
    Mutant("a list may be put back", _LIST, "blob, counted=True)", "blob)", _BY_HOUSEHOLD),
    Mutant("members are not counted", _WIRE, "if self.members > self.most:", "if False:", _BY_HOUSEHOLD),
    Mutant("a chain begins with the last block", _RECODE, "if begins and end > 15:", "if False:", _BY_RECODED),
    Mutant(
        "the pattern begins anew with each portion",
        _RECODE,
        "first = 0 if begins else self._block",
        "first = 0",
        _BY_RECODED,
    ),
    Mutant("every ninth octet is shifted", _WRITER, "at += STEP\n", "at += STEP - 1\n", _BY_RECODED),
    Mutant(
        "a household has no limit",
        _SHOP,
        "if (connection.scalar(select(func.count()).where(*mine)) or 0) >= home.most:",
        "if False:",
        _BY_SHOP,
    ),
    Mutant("a player is of two households", _SHOP, "if now_of != user_id:", "if False:", _BY_SHOP),
    Mutant(
        "a serial is two lists",
        _SHOP,
        "if found is not None and (found.user_id, found.changes) == (user_id, changes):",
        "if found is not None:",
        _BY_SHOP,
    ),
)

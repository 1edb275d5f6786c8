"""The household of this terminal, as the shop gave it: a record of the service "dock" in the locked keystore, counted,
so that an older list is not believed. It is kept as it came (settop.wire.household), and opened when a player comes.
"""

from settop.crypto import ccm
from settop.crypto.hkdf import hkdf
from settop.crypto.wipe import wipe
from settop.errors import LocalError, RemoteError
from settop.wire import household as wire

NAME = "household"
REFUSED = "this household's list is for another terminal, or was altered on its way"


class Households:
    """records: of the service "dock" (settop.keystore.keystore.Records). identity: the terminal's, or None."""

    def __init__(self, records, identity):
        self._records = records
        self._identity = identity

    def take(self, text):
        """Keeps the list whose hex digits are `text`.

        Raises LocalError where there is no identity, RemoteError for what is no list for it, or none that is newer, or
        where the keystore does not take it, OSError for the flash's sake.
        """
        try:
            blob = bytes.fromhex(text)
        except ValueError:
            raise RemoteError("a household's list comes in hex digits, two for each octet")
        found = self._open(blob)
        try:
            kept = self._records.load(NAME)
        except RemoteError:
            kept = None  # damaged, or put back: this one takes its place
        if kept is not None and found[1] <= wire.split(kept)[1]:
            wipe(found[3])
            raise RemoteError("this household's list is not newer than the one that is here")
        wipe(found[3])
        self._records.store(NAME, blob, counted=True)

    def load(self):
        """(household, serial, Household, its content, to be wiped when nothing of the Household is wanted any more), or
        None. Raises as take."""
        kept = self._records.load(NAME)
        return None if kept is None else self._open(kept)

    def find(self, player_id):
        """(household, standing, the pair's key to be wiped) of a player, or None. Raises as take."""
        found = self.load()
        if found is None:
            return None
        household, _, players, content = found
        try:
            for number in range(players.count):
                standing, other = players.player(number)
                if other == player_id:
                    return household, standing, players.key(number)
        finally:
            wipe(content)
        return None

    def _open(self, blob):
        if self._identity is None:
            raise LocalError("a household is of a terminal with an identity: run `ringcast provision` first")
        household, serial, sealed = wire.split(blob)
        head = bytes(blob[: wire.HEAD_BYTES])
        key = hkdf(self._identity.device_key, b"", wire.info_of(self._identity.terminal_id), wire.KEY_BYTES)
        try:
            content = ccm.open(key, head + b"\0", head, sealed, wire.TAG_BYTES)
        except RemoteError:
            raise RemoteError(REFUSED)
        finally:
            wipe(key)
        try:
            return household, serial, wire.Household(content), content
        except RemoteError:
            wipe(content)
            raise

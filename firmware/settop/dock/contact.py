"""The keys of one contact of a terminal and a player, and what is sealed under them (schedule: settop.wire.dock). For
both ends; no IO.
"""

from settop.crypto import ccm
from settop.crypto.compare import equal
from settop.crypto.hkdf import hkdf
from settop.crypto.wipe import wipe
from settop.errors import LocalError, RemoteError
from settop.wire import dock as wire


def pair_key(device_key, player_id, terminal_id):
    """The key of a player and a terminal, as the player and the head-end work it out, for the caller to wipe."""
    return hkdf(device_key, b"", wire.pair_info(player_id, terminal_id), wire.PAIR_BYTES)


class Contact:
    """pair: the pair's key, which stays the caller's. player: this end is the player. `proof`: what this end shows."""

    def __init__(self, pair, terminal_id, player_id, nonces, player):
        keys = hkdf(pair, nonces, wire.contact_info(terminal_id, player_id), wire.KEYS_BYTES)
        theirs, own, self._opens, self._seals = wire.split_keys(keys)
        wipe(keys)
        self._kinds = wire.ASK, wire.ANSWER
        if not player:
            theirs, own = own, theirs
            self._opens, self._seals = self._seals, self._opens
            self._kinds = wire.ANSWER, wire.ASK
        self.proof, self._theirs = own, theirs
        self.alive = True

    def proves(self, proof):
        """Whether the other end knows the pair's key."""
        return self.alive and equal(proof, self._theirs)

    def seal(self, counter, body):
        """A message. The same counter never again with another body: that is the caller's to see to."""
        if not self.alive:
            raise LocalError("the contact is over")
        if len(body) > wire.BODY_BYTES:
            raise LocalError("%d octets to be sealed, at most %d" % (len(body), wire.BODY_BYTES))
        header = wire.sealed_header(self._kinds[1], counter)
        return header + ccm.seal(self._seals, wire.sealed_nonce(counter), header, body, wire.TAG_BYTES)

    def open(self, message):
        """(counter, body as a bytearray). RemoteError: damaged, or of another contact."""
        counter, sealed = wire.split_sealed(message)
        if not self.alive or message[0] != self._kinds[0]:
            raise RemoteError("a sealed message outside a contact")
        header = wire.sealed_header(self._kinds[0], counter)
        return counter, ccm.open(self._opens, wire.sealed_nonce(counter), header, sealed, wire.TAG_BYTES)

    def wipe(self):
        """Forgets the keys; nothing is sealed or opened any more."""
        self.alive = False
        for secret in (self.proof, self._theirs, self._opens, self._seals):
            wipe(secret)

"""Session keys of a call and the sealed messages under them, terminal side (settop.wire.call, settop.wire.sealed)."""

from settop.crypto.sealing import PRIMITIVES
from settop.crypto.wipe import wipe
from settop.wire import call as wire
from settop.wire.sealed import Sealed, transcript_of


class Session(Sealed):
    """Keys of one call, seen from the terminal: seals with the up key, opens with the down key.

    `proof` is what a genuine centre must have sent. `wipe()` clears every key; the session is dead after it.
    """

    def __init__(self, device_key, hello, challenge, shared=b""):
        secret = bytearray(device_key)
        secret.extend(shared)
        transcript = transcript_of(PRIMITIVES, wire.LABELS, hello, challenge)
        Sealed.__init__(self, PRIMITIVES, wire.LABELS, wire.TAG_BYTES, True, secret, transcript)
        wipe(secret)

    def open(self, message):
        """(kind, body as a bytearray). Raises RemoteError for a replayed, damaged or foreign message."""
        kind = wire.check_sealed(message)
        return kind, self.unseal(message, wire.NAMES[kind])[1]

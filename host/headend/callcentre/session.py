"""Session keys of a call, the centre's side (settop.wire.call, settop.wire.sealed)."""

from settop.wire import call as wire
from settop.wire.sealed import Sealed, transcript_of

from headend.crypto.sealing import PRIMITIVES


class Session(Sealed):
    """Seals with the down key, opens with the up key. `proof` shows the terminal that we know its device key."""

    def __init__(self, device_key: bytes, hello: bytes, challenge: bytes, shared: bytes = b"") -> None:
        transcript = transcript_of(PRIMITIVES, wire.LABELS, hello, challenge)
        super().__init__(PRIMITIVES, wire.LABELS, wire.TAG_BYTES, False, device_key + shared, transcript)

    def open(self, message: bytes) -> tuple[int, bytes]:
        """(kind, body). Raises RemoteError for a replayed, damaged or foreign message."""
        kind = wire.check_sealed(message)
        return kind, bytes(self.unseal(message, wire.NAMES[kind])[1])

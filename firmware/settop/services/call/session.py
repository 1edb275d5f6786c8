"""Session keys of a call and the sealed messages under them, terminal side (key schedule: settop.wire.call)."""

from settop.crypto import ccm
from settop.crypto.cmac import cmac
from settop.crypto.compare import equal
from settop.crypto.hkdf import hkdf, sha256
from settop.crypto.wipe import wipe
from settop.errors import LocalError, RemoteError
from settop.wire import call as wire


class Session:
    """Keys of one call, seen from the terminal: seals with the up key, opens with the down key.

    `proof` is what a genuine centre must have sent. `wipe()` clears every key; the session is dead after it.
    """

    def __init__(self, device_key, hello, challenge, shared=b""):
        transcript = sha256(wire.LABEL_TRANSCRIPT, hello, challenge)
        secret = bytearray(device_key)
        secret.extend(shared)
        okm = hkdf(secret, transcript, wire.LABEL_KEYS, wire.KEYS_BYTES)
        wipe(secret)
        proof_key, self._down_key, self._up_key, self._down_salt, self._up_salt = wire.split_keys(okm)
        wipe(okm)
        self.proof = cmac(proof_key, transcript)
        wipe(proof_key)
        self._sent = 0
        self._last_received = -1
        self.alive = True

    def proves(self, proof):
        """Whether the centre's proof is right, in constant time."""
        return equal(proof, self.proof)

    def seal(self, kind, body):
        """A sealed message, ready for framing."""
        if not self.alive:
            raise LocalError("the call is over: nothing can be sealed any more")
        header = wire.sealed_header(kind, self._sent)
        nonce = wire.sealed_nonce(self._up_salt, self._sent)
        self._sent += 1
        return header + ccm.seal(self._up_key, nonce, header, body, wire.TAG_BYTES)

    def open(self, message):
        """(kind, body as a bytearray). Raises RemoteError for a replayed, damaged or foreign message."""
        kind, counter, sealed = wire.split_sealed(message)
        if not self.alive:
            raise RemoteError("sealed message after the end of the call")
        # The tag is checked before the counter, so that a forger learns nothing from which check failed.
        nonce = wire.sealed_nonce(self._down_salt, counter)
        body = ccm.open(self._down_key, nonce, message[: wire.SEALED_HEADER_BYTES], sealed, wire.TAG_BYTES)
        if counter <= self._last_received:
            wipe(body)
            raise RemoteError("replayed %s" % wire.NAMES[kind])
        self._last_received = counter
        return kind, body

    def wipe(self):
        """Forget every key of the call."""
        self.alive = False
        for secret in (self._down_key, self._up_key, self._down_salt, self._up_salt):
            wipe(secret)

"""Sealed sessions: what all of them have in common, for both ends of each. Who says what in one, its own page has.

    transcript = SHA-256(label of transcripts, first message, second one without its proof)
    OKM        = HKDF-SHA256(salt = transcript, IKM = secret, info = label of keys)
               = proof key 16, down key 16, up key 16, down salt 9, up salt 9 [, more]
    proof      = AES-CMAC(proof key, transcript)
    sealed     = type u8, counter u32, AES-128-CCM(key, nonce = salt + counter, AAD = the five octets before it)

Big-endian. Down is to the terminal, up from it. Each direction counts from 0; a receiver takes only rising counters.
"""

import struct

from settop.errors import LocalError, RemoteError

HEADER_BYTES = 5
KEYS_BYTES = 66
PROOF_BYTES = 16


def split_keys(okm):
    """HKDF output (KEYS_BYTES or more) to (proof_key, down_key, up_key, down_salt, up_salt)."""
    return okm[0:16], okm[16:32], okm[32:48], okm[48:57], okm[57:66]


def pack_header(kind, counter):
    """The five octets in clear before a sealed message: also its AAD."""
    return struct.pack(">BI", kind, counter)


def counter_of(message):
    """The counter of a sealed message of HEADER_BYTES or more."""
    return struct.unpack(">I", message[1:HEADER_BYTES])[0]


def nonce_of(salt, counter):
    """13-byte CCM nonce of the message `counter` in one direction."""
    return bytes(salt) + struct.pack(">I", counter)


def transcript_of(primitives, labels, first, second):
    """The digest of what both ends have said before the first sealed message. labels: of transcripts and of keys."""
    return primitives[0](labels[0], first, second)


class Sealed:
    """One end of a session. `proof` is what the head-end shows, `sent` how many messages were sealed. `wipe()` clears
    every key; the session is dead then.

    primitives: the end's own, as `settop.crypto.sealing.PRIMITIVES` and `headend.crypto.sealing.PRIMITIVES` have them:
    (sha256(*parts), hkdf(secret, salt, info, length), cmac(key, *parts), seal(key, nonce, aad, plaintext, tag_len),
    open(key, nonce, aad, sealed, tag_len): RemoteError for a wrong tag, equal(a, b), wipe(buffer)).
    up: whether this end is the terminal. transcript: see transcript_of. `more`: octets beside the keys, which are then
    in `more` as a bytearray.
    """

    def __init__(self, primitives, labels, tag_len, up, secret, transcript, more=0):
        _, hkdf, cmac, _, _, _, wipe = primitives
        okm = hkdf(secret, transcript, labels[1], KEYS_BYTES + more)
        proof_key, self._down_key, self._up_key, self._down_salt, self._up_salt = split_keys(okm)
        self.more = okm[KEYS_BYTES:]
        wipe(okm)
        self.proof = cmac(proof_key, transcript)
        wipe(proof_key)
        self._primitives = primitives
        self._tag_len = tag_len
        self._up = up
        self.sent = 0
        self._last_received = -1
        self.alive = True

    def proves(self, proof):
        """Whether the head-end's proof is right, in constant time."""
        return self._primitives[5](proof, self.proof)

    def seal(self, kind, body):
        """A sealed message of the next number. LocalError: the session is over."""
        self.sent += 1
        return self.seal_at(self.sent - 1, kind, body)

    def seal_at(self, counter, kind, body):
        """The sealed message of this number, which the caller gives out once. LocalError: the session is over."""
        if not self.alive:
            raise LocalError("the session is over: nothing can be sealed any more")
        header = pack_header(kind, counter)
        key, salt = (self._up_key, self._up_salt) if self._up else (self._down_key, self._down_salt)
        return header + self._primitives[3](key, nonce_of(salt, counter), header, body, self._tag_len)

    def unseal(self, message, name):
        """(counter, body, which is the caller's to wipe). Raises RemoteError for a replayed, damaged or foreign
        message; its text calls it by `name`."""
        if not self.alive:
            raise RemoteError("sealed %s after the end of the session" % name)
        if len(message) < HEADER_BYTES + self._tag_len:
            raise RemoteError("sealed %s of %d bytes" % (name, len(message)))
        counter = counter_of(message)
        key, salt = (self._down_key, self._down_salt) if self._up else (self._up_key, self._up_salt)
        # The tag is checked before the counter, so that a forger learns nothing from which check failed.
        nonce = nonce_of(salt, counter)
        body = self._primitives[4](key, nonce, message[:HEADER_BYTES], message[HEADER_BYTES:], self._tag_len)
        if counter <= self._last_received:
            self._primitives[6](body)
            raise RemoteError("replayed " + name)
        self._last_received = counter
        return counter, body

    def wipe(self):
        """Forget every key of the session."""
        self.alive = False
        for secret in (self._down_key, self._up_key, self._down_salt, self._up_salt, self.more):
            self._primitives[6](secret)

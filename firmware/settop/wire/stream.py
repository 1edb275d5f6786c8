"""Tokens, and the keys of one connection to a streaming server: THE definition (`docs/protocols/stream.md`).

    TOKEN   what a viewer is given: 56 octets that are sealed by the server and 16 of a secret, in base64url
    OFFER   version 1, nonce 16, X25519 public key 32, count 1, suites 1 each           server, in its description
    ANSWER  version 1, suite 1, nonce 16, X25519 public key 32, proof 16                viewer, with SETUP
    PROOF   16                                                                          server, in its answer to that

    transcript = SHA-256("ringcast stream 1", sealed token, URL, OFFER, ANSWER without proof), each of these four with
                 its number of octets in two ahead
    OKM        = HKDF-SHA256(salt = transcript, IKM = token's secret + X25519 shared secret,
                 info = "ringcast stream keys")
               = viewer's proof key 16, server's proof key 16, then for media and for reports a key and a salt each
    proof      = AES-CMAC(proof key, transcript)

Of a token the viewer sends the sealed part alone: who listens learns nothing that opens the title, then or later. The
list of suites is under both proofs, so nobody on the way can take the better ones out of it.
"""

import struct

from settop.errors import RemoteError

VERSION = 1
SEALED_BYTES = 56
SECRET_BYTES = 16
NONCE_BYTES = 16
PUBLIC_BYTES = 32
PROOF_BYTES = 16
MAX_SUITES = 8
LABEL = b"ringcast stream 1"
KEYS_LABEL = b"ringcast stream keys"

AES_CM_SHA1_80 = 1
AES_GCM_128 = 2
TDES_SHA1_80 = 3
# number, name, octets of the key, of the salt
SUITES = (
    (AES_CM_SHA1_80, "AES_CM_128_HMAC_SHA1_80", 16, 14),
    (AES_GCM_128, "AEAD_AES_128_GCM", 16, 12),
    (TDES_SHA1_80, "TDES_EDE3_HMAC_SHA1_80", 24, 14),
)

_HEAD = 1 + NONCE_BYTES + PUBLIC_BYTES
_ANSWER = 2 + NONCE_BYTES + PUBLIC_BYTES + PROOF_BYTES


def suite_of(number):
    """The row of SUITES. Raises RemoteError for one that is not known."""
    for row in SUITES:
        if row[0] == number:
            return row
    raise RemoteError("a suite that is not known")


# --- messages -------------------------------------------------------------------------------------------------------


def pack_offer(nonce, public, suites):
    """suites: numbers, the server's favourite first."""
    return struct.pack("B", VERSION) + nonce + public + bytes([len(suites)]) + bytes(suites)


def parse_offer(octets):
    """(X25519 public key, suites). Raises RemoteError."""
    if len(octets) < _HEAD + 2 or octets[0] != VERSION:
        raise RemoteError("an offer of another version")
    count = octets[_HEAD]
    if not 1 <= count <= MAX_SUITES or len(octets) != _HEAD + 1 + count:
        raise RemoteError("an offer of %d octets for %d suites" % (len(octets), count))
    return octets[1 + NONCE_BYTES : _HEAD], tuple(octets[_HEAD + 1 :])


def choose(offered, ours):
    """The first of ours that is offered. Raises RemoteError where none is."""
    for number in ours:
        if number in offered:
            return number
    raise RemoteError("no suite that both ends have")


def pack_answer(suite, nonce, public, proof=b""):
    """Without a proof: as it stands in the transcript."""
    return struct.pack("BB", VERSION, suite) + nonce + public + proof


def parse_answer(octets):
    """(suite, X25519 public key, what stands in the transcript, proof). Raises RemoteError."""
    if len(octets) != _ANSWER or octets[0] != VERSION:
        raise RemoteError("an answer of another version or length")
    return octets[1], octets[2 + NONCE_BYTES : -PROOF_BYTES], octets[:-PROOF_BYTES], octets[-PROOF_BYTES:]


class Keys:
    """The keys of one connection, as both ends derive them. `media` and `reports`: (key, salt) as bytearrays, of RTP
    and of RTCP from the server, and `back` of RTCP to it; wipe() clears them.

    primitives: as settop.wire.sealed has them. secret: the token's and X25519's octets one behind the other.
    """

    def __init__(self, primitives, secret, sealed, url, offer, answer):
        sha256, hkdf, cmac, _, _, _, wipe = primitives
        _, self.name, key, salt = suite_of(answer[1])
        self.suite = answer[1]
        self._wipe = wipe
        self._equal = primitives[5]
        transcript = sha256(LABEL, _counted(sealed), _counted(url), _counted(offer), _counted(answer))
        okm = hkdf(secret, transcript, KEYS_LABEL, 2 * PROOF_BYTES + 3 * (key + salt))
        proof_keys = okm[:PROOF_BYTES], okm[PROOF_BYTES : 2 * PROOF_BYTES]
        self.viewer_proof = cmac(proof_keys[0], transcript)
        self.server_proof = cmac(proof_keys[1], transcript)
        pairs = []
        at = 2 * PROOF_BYTES
        for _ in range(3):
            pairs.append((okm[at : at + key], okm[at + key : at + key + salt]))
            at += key + salt
        self.media, self.reports, self.back = pairs
        for buffer in (okm,) + proof_keys:
            wipe(buffer)

    def proves_viewer(self, proof):
        """Whether it is right, in constant time."""
        return self._equal(proof, self.viewer_proof)

    def proves_server(self, proof):
        """Whether it is right, in constant time."""
        return self._equal(proof, self.server_proof)

    def wipe(self):
        """Clears every key."""
        for pair in (self.media, self.reports, self.back):
            for buffer in pair:
                self._wipe(buffer)


def _counted(octets):
    """With their number ahead, so that no two ways of putting parts together give the same octets."""
    return struct.pack(">H", len(octets)) + bytes(octets)

"""Provisioning on the board's side: the identity comes wrapped, so no console, cable or log shows the device key.

The board makes an ephemeral X25519 key pair, the host answers with its own public key and a blob:
KEK = HKDF-SHA256(IKM = shared secret, info = LABEL + board's public key + host's public key, 16 bytes),
blob = RFC 3394 wrap of host randomness (32 bytes, for the lock key) + identity record + zeros to a multiple of 8.
The exchange is not authenticated: it keeps the key from those who listen or read logs, not from a man in the middle.
"""

from settop.crypto import x25519
from settop.crypto.hkdf import hkdf
from settop.crypto.keywrap import unwrap
from settop.crypto.wipe import wipe, wipe_bytes
from settop.errors import LocalError
from settop.keystore.identity import unpack_identity

LABEL = b"ringcast provision 1"
HOST_RANDOM_BYTES = 32


class Provisioner:
    """One provisioning. `random(n)` gives n fresh bytes."""

    def __init__(self, random):
        self._random = random
        self._private = None
        self._public = b""

    def begin(self):
        """The board's ephemeral public key (32 bytes)."""
        drawn = self._random(x25519.KEY_BYTES)
        self._private = bytearray(drawn)
        wipe_bytes(drawn)
        self._public = x25519.public_key(self._private)
        return self._public

    def finish(self, host_public, blob):
        """(Identity, host randomness as a bytearray). Raises RemoteError where the blob does not open."""
        if self._private is None:
            raise LocalError("begin() first: every provisioning has its own key pair")
        private = self._private
        self._private = None
        try:
            shared = x25519.shared_secret(private, host_public)
        finally:
            wipe(private)
        kek = hkdf(shared, b"", LABEL + self._public + bytes(host_public), 16)
        wipe(shared)
        record = bytearray(0)
        try:
            record = unwrap(kek, blob)
            host_random = bytearray(memoryview(record)[:HOST_RANDOM_BYTES])
            view = memoryview(record)[HOST_RANDOM_BYTES:]
            end = len(view)
            while end and view[end - 1] == 0:
                end -= 1
            return unpack_identity(view[:end]), host_random
        finally:
            wipe(kek)
            wipe(record)

"""Provisioning on the board's side: its own key pair, and what the host wrapped for it (settop.wire.provision)."""

from settop.crypto import x25519
from settop.crypto.hkdf import hkdf
from settop.crypto.keywrap import unwrap
from settop.crypto.wipe import wipe, wipe_bytes
from settop.errors import LocalError, RemoteError
from settop.keystore.identity import RECORD_BYTES, unpack_identity
from settop.wire.provision import KEK_BYTES, kek_info, number_fault, split_blob


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
        """(Identity, telephone number in octets, host randomness as a bytearray). Raises RemoteError where the blob
        does not open."""
        if self._private is None:
            raise LocalError("begin() first: every provisioning has its own key pair")
        private = self._private
        self._private = None
        try:
            shared = x25519.shared_secret(private, host_public)
        finally:
            wipe(private)
        kek = hkdf(shared, b"", kek_info(self._public, host_public), KEK_BYTES)
        wipe(shared)
        record = bytearray(0)
        try:
            record = unwrap(kek, blob)
            host_random, rest = split_blob(record)
            number = bytes(rest[RECORD_BYTES:])
            fault = number_fault(number)
            if fault:
                raise RemoteError(fault)
            return unpack_identity(rest[:RECORD_BYTES]), number, bytearray(host_random)
        finally:
            wipe(kek)
            wipe(record)

"""Session keys of a call, the centre's side, over pycryptodome (key schedule: settop.wire.call)."""

import hashlib

from Crypto.Cipher import AES
from Crypto.Hash import CMAC, SHA256
from Crypto.Protocol.KDF import HKDF
from settop.errors import LocalError, RemoteError
from settop.wire import call as wire


class Session:
    """Seals with the down key, opens with the up key. `proof` shows the terminal that we know its device key."""

    def __init__(self, device_key: bytes, hello: bytes, challenge: bytes, shared: bytes = b"") -> None:
        transcript = hashlib.sha256(wire.LABEL_TRANSCRIPT + hello + challenge).digest()
        okm = HKDF(device_key + shared, wire.KEYS_BYTES, transcript, SHA256, context=wire.LABEL_KEYS)
        assert isinstance(okm, bytes)
        proof_key, self._down_key, self._up_key, self._down_salt, self._up_salt = wire.split_keys(okm)
        self.proof = CMAC.new(proof_key, transcript, AES).digest()
        self._sent = 0
        self._last_received = -1

    def seal(self, kind: int, body: bytes) -> bytes:
        """A sealed message, ready for framing."""
        if not self._down_key:
            raise LocalError("the call is over: nothing can be sealed any more")
        header: bytes = wire.sealed_header(kind, self._sent)
        cipher = AES.new(
            self._down_key,
            AES.MODE_CCM,
            nonce=wire.sealed_nonce(self._down_salt, self._sent),
            mac_len=wire.TAG_BYTES,
        )
        self._sent += 1
        cipher.update(header)
        sealed, tag = cipher.encrypt_and_digest(body)
        return header + sealed + tag

    def open(self, message: bytes) -> tuple[int, bytes]:
        """(kind, body). Raises RemoteError for a replayed, damaged or foreign message."""
        kind, counter, sealed = wire.split_sealed(message)
        if not self._up_key:
            raise RemoteError("sealed message after the end of the call")
        cipher = AES.new(
            self._up_key,
            AES.MODE_CCM,
            nonce=wire.sealed_nonce(self._up_salt, counter),
            mac_len=wire.TAG_BYTES,
        )
        cipher.update(message[: wire.SEALED_HEADER_BYTES])
        try:
            body = cipher.decrypt_and_verify(sealed[: -wire.TAG_BYTES], sealed[-wire.TAG_BYTES :])
        except ValueError:
            raise RemoteError(f"{wire.NAMES[kind]} with a wrong tag") from None
        if counter <= self._last_received:
            raise RemoteError(f"replayed {wire.NAMES[kind]}")
        self._last_received = counter
        return kind, body

    def wipe(self) -> None:
        """Drop the keys; Python's bytes cannot be cleared in place, so this ends their use, not every copy."""
        self._down_key = self._up_key = b""

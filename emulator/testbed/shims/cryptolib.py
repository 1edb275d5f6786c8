"""CPython stand-in for MicroPython's `cryptolib` as built for the RP2040: AES in ECB and CBC, and no CTR.

It refuses what the board refuses (one object for both directions, a ragged length, a short output), so that
firmware that passes here does not fail there.
"""

from typing import Any

from Crypto.Cipher import AES

_MODE_ECB = 1
_MODE_CBC = 2
_BLOCK_BYTES = 16


class aes:
    """AES-128/256. `mode` 1 is ECB, 2 is CBC with a 16-byte `iv`. Else ValueError."""

    def __init__(self, key: Any, mode: int, iv: Any = None) -> None:
        if mode not in (_MODE_ECB, _MODE_CBC):
            raise ValueError("mode")
        if len(key) not in (16, 32):
            raise ValueError("key")
        if (mode == _MODE_CBC and iv is None) or (iv is not None and len(iv) != _BLOCK_BYTES):
            raise ValueError("IV")
        self._cipher: Any
        if mode == _MODE_ECB:
            self._cipher = AES.new(bytes(key), AES.MODE_ECB)
        else:
            self._cipher = AES.new(bytes(key), AES.MODE_CBC, iv=bytes(iv))
        self._encrypts: bool | None = None

    def encrypt(self, data: Any, out: Any = None) -> Any:
        """Whole blocks of `data`, as bytes or into `out` (which may be `data` itself) and returned."""
        return self._process(data, out, True)

    def decrypt(self, data: Any, out: Any = None) -> Any:
        """The inverse of encrypt, on an object of its own."""
        return self._process(data, out, False)

    def _process(self, data: Any, out: Any, encrypts: bool) -> Any:
        if len(data) % _BLOCK_BYTES:
            raise ValueError("blksize % 16")
        if out is not None and len(out) < len(data):
            raise ValueError("output too small")
        if self._encrypts is None:
            self._encrypts = encrypts
        elif self._encrypts is not encrypts:
            raise ValueError("can't encrypt & decrypt")
        source = bytes(data)
        result: bytes = self._cipher.encrypt(source) if encrypts else self._cipher.decrypt(source)
        if out is None:
            return result
        out[: len(result)] = result
        return out

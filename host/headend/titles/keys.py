"""Keys by their ids, as a licence or a command line gives them."""

from collections.abc import Mapping

from settop.errors import LocalError, RemoteError

from headend.titles.ciphers import SampleCipher
from headend.titles.protection import KEY_BYTES, KID_BYTES


class Keys:
    """By key id (16 octets); `for_all`: a key for whatever has no other. Its repr tells nothing. Raises LocalError for
    keys and ids of other lengths.
    """

    def __init__(self, keys: Mapping[bytes, bytes], for_all: bytes | None = None) -> None:
        for kid, key in keys.items():
            if len(kid) != KID_BYTES or len(key) != KEY_BYTES:
                raise LocalError(f"keys and key ids have {KEY_BYTES} bytes, not {len(key)} and {len(kid)}")
        if for_all is not None and len(for_all) != KEY_BYTES:
            raise LocalError(f"a key has {KEY_BYTES} bytes, not {len(for_all)}")
        self._ciphers = {kid: SampleCipher(key) for kid, key in keys.items()}
        self._for_all = None if for_all is None else SampleCipher(for_all)

    def __repr__(self) -> str:
        return f"Keys({', '.join(kid.hex() for kid in self._ciphers)})"

    def cipher(self, kid: bytes) -> SampleCipher:
        """Raises RemoteError where there is no key of that id."""
        found = self._ciphers.get(kid, self._for_all)
        if found is None:
            held = ", ".join(one.hex() for one in self._ciphers) or "none"
            raise RemoteError(f"no key for key id {kid.hex()}; the keys given are of: {held}")
        return found

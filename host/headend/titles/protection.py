"""What a track says of its encryption (ISO/IEC 23001-7): scheme, key id, IVs, pattern; taken from `sinf` and `seig`,
and made for them.
"""

import struct
from dataclasses import dataclass

from settop.errors import RemoteError

from headend.titles.boxes import Box, Fields, box, find, full_box, inside, name_of

NONE, CENC, CBCS = "none", "cenc", "cbcs"
SCHEMES = (CENC, CBCS, NONE)
KEY_BYTES = 16
KID_BYTES = 16
BLOCK = 16
IV_SIZES = (8, 16)
ENCRYPTED_ENTRIES = {b"soun": b"enca", b"vide": b"encv"}
_KNOWN = {b"cenc": CENC, b"cbcs": CBCS}
_SCHEME_VERSION = 0x00010000
_VISUAL_FIELDS, _AUDIO_FIELDS = 78, 28
_QUICKTIME_FIELDS = {0: 0, 1: 16, 2: 36}
"""Octets that a sound description of QuickTime's versions 1 and 2 has behind its fields (QuickTime File Format,
2001).
"""


@dataclass(frozen=True, slots=True)
class Protection:
    """How samples are encrypted (23001-7, 8.2 and 6). `scheme` is a name of SCHEMES, not NONE. `is_protected`: False
    for clear samples among encrypted ones. `kid`: 16 octets. `iv_bytes`: 8 or 16 for each sample, 0 with `constant_iv`,
    the IV of all. `crypt` and `skip`: blocks of the pattern, 0 and 0 without one.
    """

    scheme: str
    is_protected: bool
    kid: bytes
    iv_bytes: int
    constant_iv: bytes = b""
    crypt: int = 0
    skip: int = 0

    def fields(self) -> bytes:
        """As they stand in `tenc` and `seig` alike: from the pattern to the constant IV."""
        constant = (
            bytes((len(self.constant_iv),)) + self.constant_iv if self.is_protected and not self.iv_bytes else b""
        )
        pattern = self.crypt << 4 | self.skip
        return bytes((0, pattern, self.is_protected, self.iv_bytes)) + self.kid + constant

    def tenc(self) -> bytes:
        """The TrackEncryptionBox: of version 1 where it has a pattern or a constant IV."""
        version = int(self.scheme == CBCS)
        return full_box(b"tenc", version, 0, self.fields())

    def sinf(self, original: bytes) -> bytes:
        """The ProtectionSchemeInfoBox of an entry that was of kind `original` (14496-12, 8.12)."""
        scheme = full_box(b"schm", 0, 0, struct.pack(">4sI", self.scheme.encode(), _SCHEME_VERSION))
        return box(b"sinf", box(b"frma", original), scheme, box(b"schi", self.tenc()))


def read_fields(fields: Fields, scheme: str, has_pattern: bool) -> Protection:
    """What `tenc` and `seig` have in common, from the reserved octet on. Raises RemoteError for what cannot be."""
    fields.number(1)
    pattern = fields.number(1)
    is_protected, iv_bytes = fields.number(1), fields.number(1)
    kid = fields.take(KID_BYTES)
    crypt, skip = (pattern >> 4, pattern & 15) if has_pattern else (0, 0)
    constant = b""
    if is_protected not in (0, 1):
        raise RemoteError(f"the file says {is_protected} where 0 (clear) or 1 (encrypted) must stand")
    if is_protected and not iv_bytes:
        constant = fields.take(fields.number(1))
        if len(constant) not in IV_SIZES:
            raise RemoteError(f"the file has a constant IV of {len(constant)} bytes: it must have 8 or 16")
    elif is_protected and iv_bytes not in IV_SIZES:
        raise RemoteError(f"the file has IVs of {iv_bytes} bytes: they must have 8 or 16")
    if scheme == CBCS and is_protected and skip and not crypt:
        raise RemoteError(f"the file has a pattern of 0 encrypted and {skip} clear blocks: nothing would be encrypted")
    return Protection(scheme, bool(is_protected), kid, iv_bytes if is_protected else 0, constant, crypt, skip)


def entry_fields(data: bytes, entry: Box, handler: bytes) -> int:
    """Octets of a sample entry's own fields, in front of its boxes (14496-12, 12.1.3 and 12.2.3)."""
    if handler == b"vide":
        return _VISUAL_FIELDS
    if handler != b"soun":
        return 8
    fields = Fields(data, entry)
    fields.take(8)
    return _AUDIO_FIELDS + _QUICKTIME_FIELDS.get(fields.number(2), 0)


def read_entry(data: bytes, entry: Box, handler: bytes) -> tuple[bytes, Protection | None]:
    """(the kind that a sample entry has, or had before it was encrypted; how it is encrypted, None for not at all).

    Raises RemoteError where it says that it is encrypted and not how, and for schemes other than cenc and cbcs.
    """
    if entry.kind not in ENCRYPTED_ENTRIES.values():
        return entry.kind, None
    boxes = inside(data, entry, entry_fields(data, entry, handler))
    schemes = [one for one in boxes if one.kind == b"sinf"]
    if not schemes:
        raise RemoteError(f"sample entry {name_of(entry.kind)} has no sinf: how it is encrypted is not said")
    sinf = schemes[0]
    original, scheme = find(data, sinf, b"frma"), find(data, sinf, b"schm")
    if original is None or scheme is None:
        raise RemoteError("sinf has no frma or no schm: what was encrypted, or by which scheme, is not said")
    fields = Fields(data, scheme)
    fields.version_and_flags()
    name = fields.take(4)
    if name not in _KNOWN:
        raise RemoteError(f"scheme {name_of(name)!r} is unknown: cenc and cbcs are known")
    tenc = find(data, sinf, b"schi", b"tenc")
    if tenc is None:
        raise RemoteError(f"scheme {name_of(name)} without tenc: key id and IVs are not said")
    fields = Fields(data, tenc)
    version, _ = fields.version_and_flags()
    return Fields(data, original).take(4), read_fields(fields, _KNOWN[name], version > 0)

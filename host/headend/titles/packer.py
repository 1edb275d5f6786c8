"""A title of any file that FFmpeg reads: remuxed, encrypted, with extras; the whole of it is never in memory."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from settop.errors import LocalError, RemoteError

from headend.titles.boxes import File
from headend.titles.ciphers import SampleCipher
from headend.titles.extras import check_extras
from headend.titles.opening import find_movie
from headend.titles.output import Output
from headend.titles.protecting import Lock, Protector, Random
from headend.titles.protection import CBCS, CENC, KEY_BYTES, NONE, SCHEMES
from headend.titles.remux import FRAGMENT_S, Progress, cover_of, duration_of, remux
from headend.titles.routes import Remuxed

IVS = {"8": 8, "16": 16, "constant": 0}
_UNKNOWN_FRAGMENTS, _MORE_FRAGMENTS = 4000, 8
_USUAL_IV = {CENC: "8", CBCS: "constant"}


@dataclass(frozen=True, slots=True)
class Packed:
    """What `pack` did."""

    scheme: str
    samples: int
    remuxed: Remuxed


def lock_of(scheme: str, key: bytes | None, kid: bytes | None, iv: str | None) -> Lock | None:
    """None for a clear title. Raises LocalError for what does not go together."""
    if scheme not in SCHEMES:
        raise LocalError(f"there is no scheme {scheme!r}: {', '.join(SCHEMES)} are possible")
    if scheme == NONE:
        if key is not None or kid is not None or iv is not None:
            raise LocalError("a clear title (scheme none) has no key, key id or IV: leave them out, or name a scheme")
        return None
    if key is None or kid is None:
        raise LocalError(f"scheme {scheme} needs a key and its id (or say scheme none)")
    if len(key) != KEY_BYTES:
        raise LocalError(f"a key has {KEY_BYTES} bytes, not {len(key)}")
    chosen = iv or _USUAL_IV[scheme]
    if chosen not in IVS:
        raise LocalError(f"there is no IV {chosen!r}: {', '.join(IVS)} are possible")
    return Lock(scheme, SampleCipher(key), kid, IVS[chosen])


def pack(
    source: str | os.PathLike[str],
    output: Output,
    lock: Lock | None,
    extras: Mapping[str, bytes] | None = None,
    purchaser: int | None = None,
    fragment_s: float = FRAGMENT_S,
    random: Random = os.urandom,
    progress: Progress | None = None,
) -> Packed:
    """Write `source` as a title to `output`. `random(n)`: octets for IVs; with the same ones, the same title.

    Raises RemoteError for an input that cannot be packed, LocalError for wrong arguments, OSError.
    """
    given = dict(extras or {})
    check_extras(given, purchaser)
    _refuse_encrypted(source)
    if "cover" not in given and (cover := cover_of(source)):
        given["cover"] = cover
    made = Protector(output, lock, given, purchaser, random, _fragments(source, fragment_s))
    done = remux(source, made.feed, lock is not None, made.entries, fragment_s, progress)
    made.finish()
    return Packed(NONE if lock is None else lock.scheme, made.samples, done)


def _refuse_encrypted(source: str | os.PathLike[str]) -> None:
    """FFmpeg would take what is encrypted for sound. Raises RemoteError."""
    with File(source) as file:
        try:
            is_protected = find_movie(file).is_protected
        except RemoteError:  # no MP4, or one that FFmpeg may be able to read
            return
    if is_protected:
        raise RemoteError(f"{file.name} is encrypted already: open it first, with `ringcast title unpack` and its key")


def _fragments(source: str | os.PathLike[str], fragment_s: float) -> int:
    """How many to expect, with room for those that end at key frames."""
    duration_s = duration_of(source)
    return _UNKNOWN_FRAGMENTS if duration_s is None else int(2 * duration_s / fragment_s) + _MORE_FRAGMENTS

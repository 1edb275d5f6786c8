"""Codec units that terminals get of the shop: signed updates (settop.wire.update), passed on as they were signed.

The shop has no signer's key and judges no signature: each terminal does, before it runs one. Of a codec there is one
module, by one name, in a version for each board and form (.mpy of a processor, or source). Within the caller's
transaction.
"""

import hashlib
from dataclasses import dataclass

from settop.errors import LocalError
from settop.wire.update import CODEC, SOURCE, Head, fits
from sqlalchemy import Connection, insert, or_, select

from headend.shop.models import Codec
from headend.shop.refusals import NO_CODEC, Refused, is_text
from headend.updates.module import read

_COLUMNS = (Codec.codec, Codec.name, Codec.version, Codec.board, Codec.mpy, Codec.size, Codec.digest, Codec.added_ms)


@dataclass(frozen=True)
class Unit:
    """A codec's signed update, without its octets: `size` of them, of SHA-256 `digest`. `board`: the one that it is
    for, or none; `mpy`: as its head has it, zeros for Python source.
    """

    codec: str
    name: str
    version: int
    board: str
    mpy: bytes
    size: int
    digest: bytes
    added_ms: int

    @property
    def path(self) -> str:
        """Where the shop's server has it. It is no secret: who knows the digest knows the module."""
        return f"/codecs/{self.digest.hex()}"


@dataclass(frozen=True)
class Wanted:
    """What a terminal asks for: a codec, for its board, whose interpreter loads .mpy files of `abi` (version,
    processor, bits of a small integer), of a version above `floor`.
    """

    codec: str
    board: str
    abi: tuple[int, int, int]
    floor: int


def add_codec(connection: Connection, data: bytes, now_ms: int) -> tuple[Unit, bool]:
    """Takes in a signed update; the same again is no fault, and False.

    RemoteError: it is none, or damaged. LocalError: it is no codec's, an older one than there is, or another one of the
    same version; or its name and codec are not those of what is there, as no terminal would take both.
    """
    made = read(data)
    if made.kind != CODEC:
        raise LocalError(
            f"{made.name} is a service: the shop passes on codec units alone (`update sign --codec CODEC`)"
        )
    others = select(Codec.name, Codec.codec).where(or_(Codec.name == made.name, Codec.codec == made.codec))
    for name, codec in connection.execute(others):
        if (name, codec) != (made.name, made.codec):
            raise LocalError(
                f"the codec {codec} is here by the name {name}: sign every version of a codec by one name, "
                f"and another codec by another one than {made.name} for {made.codec}"
            )
    unit = Unit(
        made.codec, made.name, made.version, made.board, made.mpy, len(data), hashlib.sha256(data).digest(), now_ms
    )
    same = (Codec.codec == unit.codec, Codec.board == unit.board, Codec.mpy == unit.mpy)
    newest = connection.execute(
        select(Codec.version, Codec.digest).where(*same).order_by(Codec.version.desc()).limit(1)
    ).one_or_none()
    if newest is not None and unit.version <= newest.version:
        if unit.digest == newest.digest:
            return unit, False
        what = "another one of this version" if unit.version == newest.version else f"version {newest.version}"
        raise LocalError(
            f"{unit.codec} version {unit.version} for {unit.board or 'any board'}: {what} is here: "
            "terminals take newer ones alone, so sign it with a higher version"
        )
    connection.execute(insert(Codec).values(**vars(unit), signed=data))
    return unit, True


def codecs(connection: Connection) -> list[Unit]:
    """All there are, by codec, board and form, the newest first."""
    look = select(*_COLUMNS).order_by(Codec.codec, Codec.board, Codec.mpy, Codec.version.desc())
    return [Unit(*row) for row in connection.execute(look)]


def codec_for(connection: Connection, wanted: Wanted) -> Unit:
    """The newest that the terminal could take; of one version that for its board, and no source. Raises Refused."""
    if not is_text(wanted.codec):
        raise Refused(NO_CODEC)
    look = select(*_COLUMNS).where(Codec.codec == wanted.codec.lower(), Codec.version > wanted.floor)
    found = [Unit(*row) for row in connection.execute(look)]
    fitting = [one for one in found if fits(_head(one), wanted.board, wanted.abi)]
    if not fitting:
        raise Refused(NO_CODEC)
    return max(fitting, key=lambda one: (one.version, one.board != "", one.mpy != SOURCE))


def signed_octets(connection: Connection, digest: bytes) -> bytes:
    """The signed update of this SHA-256. Raises Refused."""
    found = connection.scalar(select(Codec.signed).where(Codec.digest == digest))
    if found is None:
        raise Refused(NO_CODEC)
    return bytes(found)


def _head(unit: Unit) -> Head:
    return Head(CODEC, unit.name, unit.codec, unit.board, unit.version, unit.mpy, unit.size, unit.digest)

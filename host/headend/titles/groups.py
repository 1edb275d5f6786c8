"""Sample groups of kind `seig` (ISO/IEC 23001-7, 6; 14496-12, 8.9): samples with another key than their track's."""

from dataclasses import dataclass

from settop.errors import RemoteError

from headend.titles.boxes import Box, Fields, inside
from headend.titles.protection import Protection, read_fields

_SEIG = b"seig"
OF_FRAGMENT = 0x10000
"""Numbers beyond it name what the fragment itself defines (14496-12, 8.9.4)."""
TRACKS_OWN = 0


@dataclass(frozen=True, slots=True)
class Groups:
    """`defined`: in their order. `spans`: (samples, number) one behind the other; number 0 is the track's own."""

    defined: list[Protection]
    spans: list[tuple[int, int]]


NO_GROUPS = Groups([], [])


def read_groups(data: bytes, holder: Box, scheme: str) -> Groups:
    """Of `stbl` or `traf`. Raises RemoteError for damaged ones."""
    defined: list[Protection] = []
    spans: list[tuple[int, int]] = []
    for box in inside(data, holder):
        if box.kind == b"sgpd":
            defined += _definitions(data, box, scheme)
        elif box.kind == b"sbgp":
            spans += _spans(data, box)
    return Groups(defined, spans)


def is_seig(data: bytes, box: Box) -> bool:
    """Whether an `sgpd` or `sbgp` is about keys."""
    return data[box.body + 4 : min(box.body + 8, box.end)] == _SEIG


def _definitions(data: bytes, box: Box, scheme: str) -> list[Protection]:
    if not is_seig(data, box):
        return []
    fields = Fields(data, box)
    version, _ = fields.version_and_flags()
    fields.take(4)
    length = fields.number(4) if version >= 1 else 0
    if version >= 2:
        raise RemoteError(f"sgpd of version {version} for seig: 0 and 1 are known")
    found = []
    count = fields.number(4)
    fields.room_for(count, length or 20, "groups")
    for _ in range(count):
        size = length
        if version == 1 and not length:
            size = fields.number(4)
        inner = Fields(data, Box(box.kind, fields.at, fields.at, min(fields.at + size, box.end) if size else box.end))
        found.append(read_fields(inner, scheme, True))
        fields.take(size if size else inner.at - fields.at)
    return found


def _spans(data: bytes, box: Box) -> list[tuple[int, int]]:
    if not is_seig(data, box):
        return []
    fields = Fields(data, box)
    version, _ = fields.version_and_flags()
    fields.take(8 if version == 1 else 4)
    count = fields.number(4)
    fields.room_for(count, 8, "spans of samples")
    return [(fields.number(4), fields.number(4)) for _ in range(count)]


def protection_of(number: int, fragment: Groups, track: Groups, own: Protection | None) -> Protection | None:
    """What group `number` says. Raises RemoteError where it is not defined."""
    if number == TRACKS_OWN:
        return own
    defined, at = (fragment.defined, number - OF_FRAGMENT) if number > OF_FRAGMENT else (track.defined, number)
    if not 1 <= at <= len(defined):
        raise RemoteError(f"samples are of key group {number}, which is not defined")
    found = defined[at - 1]
    return found if found.is_protected else None

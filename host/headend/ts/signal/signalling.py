"""How a scrambled programme announces itself: CA and scrambling descriptors in its PMT, put in and taken out again."""

from collections.abc import Callable, Container
from typing import NamedTuple

from settop.errors import RemoteError
from settop.wire.ecm import pack_ca_descriptor, unpack_ca_descriptor
from settop.wire.offer import Offer
from settop.wire.transport import TABLE_PMT, pack_scrambling_descriptor

from headend.ts.signal.psi import Pmt, descriptors_of, insert_descriptors, parse_pmt, remove_descriptors

Edit = Callable[[bytes], bytes]  # a section in, the section to put in its place out


def announcing(
    programmes: Container[int], ca_pid: int, programme_id: int, offer: Offer | None = None, step: int = 1
) -> Edit:
    """An edit that puts both descriptors in front of the PMTs of `programmes`; their version rises by `step` (mod 32).

    In front: what follows may be a descriptor that is longer than its loop, and no reader gets past it. `offer`: the
    price to announce, or None.
    """
    added = pack_ca_descriptor(ca_pid, programme_id, offer) + pack_scrambling_descriptor()

    def edit(section: bytes) -> bytes:
        pmt = _pmt(section)
        if pmt is None or pmt.programme not in programmes:
            return section
        return insert_descriptors(section, added, step)

    return edit


def withdrawing() -> Edit:
    """The edit that undoes `announcing`, whatever the CA PID and programme id were."""
    suffix = pack_scrambling_descriptor()

    def edit(section: bytes) -> bytes:
        pmt = _pmt(section)
        ours = pmt and _our_descriptor(pmt)
        if pmt is None or not ours:
            return section
        behind = ours.start + ours.size
        # The scrambling descriptor right behind our CA descriptor is ours, any other is not.
        size = ours.size + len(suffix) * pmt.descriptors.startswith(suffix, behind)
        return remove_descriptors(section, ours.start, size)

    return edit


class _Ours(NamedTuple):
    """Our CA descriptor: where in the programme loop, and what it says."""

    start: int
    size: int
    ca_pid: int


def _our_descriptor(pmt: Pmt) -> _Ours | None:
    """The first one: a programme that was announced twice is withdrawn twice."""
    at = 0
    for descriptor in descriptors_of(pmt.descriptors):
        said = unpack_ca_descriptor(descriptor)
        if said is not None:
            return _Ours(at, len(descriptor), said[0])
        at += len(descriptor)
    return None


def ca_pid_of(pmt: Pmt) -> int | None:
    """The PID of our ECMs that a PMT names, None where it is no programme of ours."""
    ours = _our_descriptor(pmt)
    return ours.ca_pid if ours else None


def _pmt(section: bytes) -> Pmt | None:
    """The PMT in `section`, None for another table or one that breaks the rules (left as it is)."""
    if section[0] != TABLE_PMT:
        return None
    try:
        return parse_pmt(section)
    except RemoteError:
        return None

"""How a scrambled programme announces itself: CA and scrambling descriptors in its PMT, put in and taken out again."""

from dataclasses import replace

from settop.errors import RemoteError
from settop.wire.ecm import pack_ca_descriptor, pack_scrambling_descriptor, unpack_ca_descriptor
from settop.wire.offer import Offer

from headend.ts.psi import PMT_TABLE, Pmt, build_pmt, descriptors_of, parse_pmt
from headend.ts.rewrite import Edit, Edits, PidRewriter
from headend.ts.survey import Survey


def announcing(programmes: list[int], ca_pid: int, programme_id: int, offer: Offer | None = None) -> Edit:
    """An edit that appends both descriptors to the PMTs of `programmes` and raises their version by one (mod 32).

    `offer`: the price to announce, or None.
    """
    added = pack_ca_descriptor(ca_pid, programme_id, offer) + pack_scrambling_descriptor()

    def edit(section: bytes) -> bytes:
        pmt = _pmt(section)
        if pmt is None or pmt.programme not in programmes:
            return section
        return build_pmt(replace(pmt, version=pmt.version + 1 & 31, descriptors=pmt.descriptors + added))

    return edit


def withdrawing() -> Edit:
    """The edit that undoes `announcing`, whatever the CA PID and programme id were."""
    suffix = pack_scrambling_descriptor()

    def edit(section: bytes) -> bytes:
        pmt = _pmt(section)
        if pmt is None or not ca_pids_of(pmt):
            return section
        kept = b""
        pending = False  # the scrambling descriptor right behind our CA descriptor is ours, any other is not
        for descriptor in descriptors_of(pmt.descriptors):
            ours = unpack_ca_descriptor(descriptor) is not None
            if not ours and not (pending and descriptor == suffix):
                kept += descriptor
            pending = ours
        return build_pmt(replace(pmt, version=pmt.version - 1 & 31, descriptors=kept))

    return edit


def _pmt(section: bytes) -> Pmt | None:
    """The PMT in `section`, None for another table or one that breaks the rules (left as it is)."""
    if section[0] != PMT_TABLE:
        return None
    try:
        pmt = parse_pmt(section)
    except RemoteError:
        return None
    return pmt if section[6:8] == b"\x00\x00" else None


def ca_pids_of(pmt: Pmt) -> list[int]:
    """PIDs of our ECMs that a PMT names."""
    try:
        found = [unpack_ca_descriptor(descriptor) for descriptor in descriptors_of(pmt.descriptors)]
    except RemoteError:
        return []
    return [entry[0] for entry in found if entry is not None]


def rewrite_psi(found: Survey, pids: list[int], edit: Edit) -> Edits:
    """Apply `edit` to every section on `pids`, in the order of the stream."""
    edits = Edits()
    for pid in sorted(set(pids)):
        rewriter = PidRewriter(edit, edits)
        log = found.psi[pid]
        for at, number in zip(log.packet, log.distinct, strict=True):
            rewriter.feed(at, found.distinct[number])
        rewriter.finish()
    if len(set(pids)) > 1:
        order = sorted(range(len(edits.at)), key=edits.at.__getitem__)
        return Edits(type(edits.at)("q", [edits.at[row] for row in order]), [edits.packets[row] for row in order])
    return edits

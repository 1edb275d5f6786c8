"""Sends the packets of one PID through the head-end's rewriter of tables."""

from headend.ts.signal.rewrite import Edits, PidRewriter


def rewritten(packets, edit):
    """(the packets that come out, the packets whose sections should have been changed and were not)."""
    edits = Edits()
    rewriter = PidRewriter(edit, edits)
    for at, packet in enumerate(packets):
        rewriter.feed(at, packet)
    rewriter.finish()
    changed = dict(zip(edits.at, edits.packets, strict=True))
    return [new for at, packet in enumerate(packets) for new in changed.get(at, (packet,))], edits.given_up

"""Parts of a content: Content-Range of an answer (RFC 9110 14.4) against the range that was asked for, and what says
that two parts are of one version of it."""

from settop.errors import RemoteError
from settop.wire.http import number


def content_range(head, asked):
    """(first octet, octets, octets of the whole or None) of a 206; (0, 0, octets of the whole) of a 416.

    asked: (first, last) of the request, last None for all that follow; None where no range was asked for. Raises
    RemoteError where the two do not go together. Several ranges in one answer are refused: nobody asks for them.
    """
    if asked is None:
        raise RemoteError("a part of what was asked for as a whole")
    text = head.get(b"content-range")
    if head.status == 416 and text is None:
        return 0, 0, None
    if text is None or not text.startswith(b"bytes "):
        raise RemoteError("a part that does not say which")
    span, slash, total = text[6:].partition(b"/")
    if not slash:
        raise RemoteError("a part that does not say which")
    whole = None if total == b"*" else number(total)
    if head.status == 416:
        if span != b"*" or whole is None:
            raise RemoteError("a range that says nothing")
        return 0, 0, whole
    low, dash, high = span.partition(b"-")
    if not dash:
        raise RemoteError("a part that does not say which")
    first, last = number(low), number(high)
    if first != asked[0] or last < first or (asked[1] is not None and last > asked[1]):
        raise RemoteError("another part than the one asked for")
    if whole is not None and last >= whole:
        raise RemoteError("a part beyond the end of the whole")
    return first, last - first + 1, whole


_MONTHS = b"JanFebMarAprMayJunJulAugSepOctNovDec"
_SURE_S = 60  # what was changed within a minute before the answer may change again in the same second


def mark_of(head):
    """The strong validator of an answer (RFC 9110 8.8.1) as str: its entity tag, or when it was changed, where that was
    a minute and more before the answer; None without one."""
    tag = head.get(b"etag")
    if tag is not None and tag[:1] == b'"' and all([32 < octet < 127 for octet in tag]):
        return tag.decode()
    changed, date = head.get(b"last-modified"), head.get(b"date")
    if changed is None or date is None:
        return None
    try:
        return changed.decode() if _seconds(date) - _seconds(changed) >= _SURE_S else None
    except ValueError:
        return None


def _seconds(text):
    """Of "Sat, 28 Nov 2026 12:00:00 GMT" (RFC 9110 5.6.7, the one form that may be sent); else ValueError."""
    month, apart = divmod(_MONTHS.find(text[8:11]), 3)
    if len(text) != 29 or month < 0 or apart or text[25:] != b" GMT":
        raise ValueError
    from settop.net.validity import seconds_of

    day_s = seconds_of(int(text[12:16]), month + 1, int(text[5:7]))
    return day_s + 3600 * int(text[17:19]) + 60 * int(text[20:22]) + int(text[23:25])

"""From when to when a certificate is valid: the one place of its DER that Mbed TLS alone is not relied on for.

    Certificate ::= SEQUENCE { TBSCertificate ::= SEQUENCE { [0] version, serial, algorithm, issuer,
        Validity ::= SEQUENCE { notBefore, notAfter }, ...          (RFC 5280 4.1)

Mbed TLS compares the two with the board's clock, which on a board without a battery begins in the same year each time
it starts; and not every port's build compares them at all.
"""

from settop.errors import RemoteError

_SEQUENCE, _INTEGER, _VERSION, _UTC_TIME, _GENERAL_TIME = 0x30, 0x02, 0xA0, 0x17, 0x18
_DAMAGED = "a damaged certificate"
_MONTH_DAYS = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)  # before each month
_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def validity(certificate):
    """(from, until) in seconds since 1970, both within it. Raises RemoteError for what is no certificate; it looks at
    no more than seven elements, whatever they hold."""
    _, at, end = _element(certificate, 0, len(certificate), _SEQUENCE)
    _, at, end = _element(certificate, at, end, _SEQUENCE)
    tag, start, behind = _element(certificate, at, end, None)
    if tag == _VERSION:
        tag, start, behind = _element(certificate, behind, end, None)
    if tag != _INTEGER:
        raise RemoteError(_DAMAGED)
    for _ in range(2):  # algorithm and issuer
        _, _, behind = _element(certificate, behind, end, _SEQUENCE)
    _, at, end = _element(certificate, behind, end, _SEQUENCE)
    tag, start, behind = _element(certificate, at, end, None)
    first = _time(tag, certificate[start:behind])
    tag, start, last = _element(certificate, behind, end, None)
    if last != end:
        raise RemoteError(_DAMAGED)
    return first, _time(tag, certificate[start:last])


def _element(data, at, end, expected):
    """(tag, where its content begins, where it ends) of the element at `at`: X.690, definite lengths alone."""
    if at + 2 > end:
        raise RemoteError(_DAMAGED)
    tag, size = data[at], data[at + 1]
    at += 2
    if size & 0x80:
        count = size & 0x7F
        if not 1 <= count <= 3 or at + count > end:
            raise RemoteError(_DAMAGED)
        size = 0
        for octet in data[at : at + count]:
            size = size << 8 | octet
        at += count
    if at + size > end or expected not in (None, tag):
        raise RemoteError(_DAMAGED)
    return tag, at, at + size


def _time(tag, text):
    """YYMMDDhhmmssZ, where YY from 50 on is of the last century, or YYYYMMDDhhmmssZ (RFC 5280 4.1.2.5)."""
    text = bytes(text)
    if tag == _UTC_TIME and len(text) == 13:
        text = (b"19" if text[0] >= 0x35 else b"20") + text
    elif tag != _GENERAL_TIME or len(text) != 15:
        raise RemoteError(_DAMAGED)
    if text[-1:] != b"Z" or any(not 0x30 <= octet <= 0x39 for octet in text[:-1]):
        raise RemoteError(_DAMAGED)
    year, month, day = int(text[:4]), int(text[4:6]), int(text[6:8])
    hour, minute, second = int(text[8:10]), int(text[10:12]), int(text[12:14])
    if not 1 <= month <= 12 or not 1 <= day <= days_of(year, month) or hour > 23 or minute > 59 or second > 59:
        raise RemoteError(_DAMAGED)
    return seconds_of(year, month, day) + 3600 * hour + 60 * minute + second


def is_leap(year):
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def days_of(year, month):
    return 29 if month == 2 and is_leap(year) else _DAYS[month - 1]


def seconds_of(year, month, day):
    """Midnight of that day, in seconds since 1970; no port's own time reaches from 1950 to 9999."""
    before = year - 1
    days = 365 * year + before // 4 - before // 100 + before // 400 + _MONTH_DAYS[month - 1] + day - 1
    if month > 2 and is_leap(year):
        days += 1
    return 86400 * (days - 719527)

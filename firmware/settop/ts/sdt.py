"""Names of services: the service description table (ETSI EN 300 468, 5.2.3) and its text (annex A)."""

from settop.errors import RemoteError
from settop.wire.crc import crc32_mpeg2
from settop.wire.transport import TABLE_SDT

NAME_CHARS = 32
_SERVICE_DESCRIPTOR = 0x48  # 6.2.33


def unpack_sdt(section):
    """[(service number, name in the table's own coding), ...] of a section of the SDT. Raises RemoteError.

    A loop that leads out of its section ends with it; services without a name are left out.
    """
    if len(section) < 15 or section[0] != TABLE_SDT or not section[1] & 0x80:
        raise RemoteError("not a section of table 0x%02x" % TABLE_SDT)
    if crc32_mpeg2(section) != 0:
        raise RemoteError("section of table 0x%02x with a wrong CRC" % TABLE_SDT)
    end = len(section) - 4
    services = []
    at = 11
    while at + 5 <= end:
        number = section[at] << 8 | section[at + 1]
        limit = min(end, at + 5 + ((section[at + 3] & 0x0F) << 8 | section[at + 4]))
        name = _find_name(section, at + 5, limit)
        if name:
            services.append((number, name))
        at = limit
    return services


def _find_name(section, at, limit):
    while at + 2 <= limit:
        behind = at + 2 + section[at + 1]
        if behind > limit:
            break
        if section[at] == _SERVICE_DESCRIPTOR and behind >= at + 5:
            start = at + 4 + section[at + 3]  # behind type and provider
            if start < behind:
                return section[start + 1 : min(behind, start + 1 + section[start])]
        at = behind
    return b""


def text_of(raw):
    """A name as a line of at most NAME_CHARS printable characters, words one blank apart; it may be empty.

    Told rightly are UTF-8, ISO 10646, ISO 8859-1, ISO 8859-5 and what is ASCII in the rest; of ISO 6937's letters with
    an accent the letter stays, all others become "?".
    """
    if not raw:
        return ""
    first = raw[0]
    table = 6937
    skip = 0
    if first == 0x10 and len(raw) >= 3:
        table = raw[1] << 8 | raw[2]  # ISO 8859 part
        skip = 3
    elif first == 0x1F:
        table = None
        skip = 2  # encoding_type_id
    elif first < 0x20:
        table = first + 4 if first <= 0x0B else first
        if 0x0B < first < 0x15 and first != 0x11:
            table = None
        skip = 1
    out = ""
    for code in _codes(raw[skip:], table, first):
        if code in (0x0A, 0x0D, 0xA0, 0x8A, 0xE08A):
            code = 0x20
        if 0x20 <= code < 0x7F or _is_letter(code):
            out += chr(code)
    return " ".join(out.split())[:NAME_CHARS]


def _is_letter(code):
    """Nothing that only steers how other characters look, no surrogate, nothing private, nothing beyond U+FFFD."""
    if 0x2000 <= code <= 0x206F:
        return 0x2010 <= code <= 0x2027
    return 0xA0 < code < 0xD800 or (0xF8FF < code < 0xFFFE and code != 0xFEFF)


def _codes(raw, table, first):
    """Code points of `raw` behind its selector; control codes (A.1, below 0x20 and from 0x80 on) as they are."""
    if first == 0x15:
        try:
            return [ord(char) for char in bytes(raw).decode()]
        except UnicodeError:
            return [octet if octet < 0x80 else ord("?") for octet in raw]
    if first == 0x11:
        return [raw[at] << 8 | raw[at + 1] for at in range(0, len(raw) - 1, 2)]
    codes = []
    for octet in raw:
        if octet >= 0xA0:
            if table == 5:
                octet = 0x2116 if octet == 0xF0 else 0xA7 if octet == 0xFD else octet + 0x360 if octet > 0xA0 else octet
                octet = 0xAD if octet == 0x40D else octet
            elif table == 6937 and 0xC1 <= octet <= 0xCF:
                continue  # an accent: the letter follows
            elif table != 1:
                octet = ord("?")
        elif octet >= 0x80 and table is None:
            octet = ord("?")
        codes.append(octet)
    return codes

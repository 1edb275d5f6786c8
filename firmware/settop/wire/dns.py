"""Messages of the name service (RFC 1035), as far as a terminal asks: IPv4 addresses of a host.

    header   id u16, flags u16, counts of questions, answers, authorities, additions u16 each
    question name, type u16, class u16
    answer   name, type u16, class u16, time to live u32 in seconds, length u16, data

Names are compared without regard to capitals, and kept as they are on the wire: labels with a length octet before
each, a zero behind the last.
"""

import struct

from settop.errors import LocalError, RemoteError

PORT = 53
MAX_MESSAGE_BYTES = 512  # over UDP (2.3.4)
MAX_NAME_BYTES = 255
MAX_TTL_S = 86400
MAX_RECORDS = 32
MAX_ALIASES = 8
TYPE_A = 1
TYPE_CNAME = 5
CLASS_IN = 1
NO_ERROR = 0
NAME_ERROR = 3  # there is no such name
HEADER_BYTES = 12
ASK = 0x0100  # recursion desired
ANSWER, OPCODE, TRUNCATED = 0x8000, 0x7800, 0x0200  # flags (4.1.1)
_LABEL_CHARS = "abcdefghijklmnopqrstuvwxyz0123456789-_"


def is_address(text):
    """Whether it is an IPv4 address: four numbers from 0 to 255 without needless zeros."""
    parts = text.split(".")
    if len(parts) != 4:
        return False
    for part in parts:
        if not 1 <= len(part) <= 3 or part.strip("0123456789") or (part[0] == "0" and part != "0") or int(part) > 255:
            return False
    return True


def pack_name(name):
    """A host's name as it is on the wire, in small letters. Raises LocalError for what is none."""
    out = bytearray()
    for label in name.lower().split("."):
        if not 1 <= len(label) <= 63 or any(char not in _LABEL_CHARS for char in label):
            raise LocalError("a host's name of letters, digits and - between single dots is expected")
        out.append(len(label))
        out += label.encode()
    out.append(0)
    if len(out) > MAX_NAME_BYTES:
        raise LocalError("a host's name of more than 253 characters")
    return bytes(out)


def pack_question(ident, packed_name):
    """The message that asks for the addresses of a name of pack_name."""
    return struct.pack(">6H", ident, ASK, 1, 0, 0, 0) + packed_name + struct.pack(">2H", TYPE_A, CLASS_IN)


def unpack_answer(data, ident, packed_name):
    """(code, addresses, seconds to live): code is NO_ERROR, NAME_ERROR or another failure of the server's; addresses as
    str, in the server's order. Aliases are followed within the message.

    Raises RemoteError for what is no answer to this question, or damaged: it decides nothing, and a true one may
    follow.
    """
    if not HEADER_BYTES <= len(data) <= MAX_MESSAGE_BYTES:
        raise RemoteError("a message of %d octets" % len(data))
    its_ident, flags, questions, answers, _, _ = struct.unpack_from(">6H", data, 0)
    if its_ident != ident or not flags & ANSWER or flags & OPCODE or questions != 1:
        raise RemoteError("not the answer to what was asked")
    name, at = read_name(data, HEADER_BYTES)
    kind, group = _fixed(">2H", data, at)
    if name != packed_name or kind != TYPE_A or group != CLASS_IN:
        raise RemoteError("not the answer to what was asked")
    code = flags & 15
    if code != NO_ERROR:
        return code, [], 0
    if flags & TRUNCATED or answers > MAX_RECORDS:
        raise RemoteError("an answer that is not whole")
    return (NO_ERROR,) + _follow(_read_records(data, at + 4, answers), name)


def _read_records(data, at, count):
    """[(owner, type, seconds, address or alias), ...] of the kinds that are of use."""
    found = []
    for _ in range(count):
        owner, at = read_name(data, at)
        kind, group, ttl, size = _fixed(">2HIH", data, at)
        at += 10
        end = at + size
        if end > len(data):
            raise RemoteError("an answer that is cut short")
        if group == CLASS_IN and kind == TYPE_A:
            if size != 4:
                raise RemoteError("an address of %d octets" % size)
            found.append((owner, kind, ttl, "%d.%d.%d.%d" % (data[at], data[at + 1], data[at + 2], data[at + 3])))
        elif group == CLASS_IN and kind == TYPE_CNAME:
            alias, behind = read_name(data, at)
            if behind != end:
                raise RemoteError("an alias of another length than it says")
            found.append((owner, kind, ttl, alias))
        at = end
    return found


def _follow(records, name):
    """(addresses, seconds) of the name, over its aliases."""
    lowest = MAX_TTL_S
    for _ in range(MAX_ALIASES + 1):
        addresses = []
        alias = None
        for owner, kind, ttl, value in records:
            if owner != name:
                continue
            lowest = min(lowest, 0 if ttl >> 31 else ttl)  # RFC 2181 section 8
            if kind == TYPE_A:
                addresses.append(value)
            else:
                alias = value
        if addresses or alias is None:
            return addresses, lowest
        name = alias
    raise RemoteError("aliases without end")


def _fixed(layout, data, at):
    if at + struct.calcsize(layout) > len(data):
        raise RemoteError("an answer that is cut short")
    return struct.unpack_from(layout, data, at)


def read_name(data, at):
    """(name as pack_name gives it, place behind it). Compression (4.1.4) may only lead back, before where it stands, so
    that it has an end. Raises RemoteError for what is no name."""
    name = bytearray()
    behind = 0
    limit = at
    while True:
        if at >= len(data):
            raise RemoteError("a name that is cut short")
        size = data[at]
        if size >= 0xC0:
            if at + 1 >= len(data):
                raise RemoteError("a name that is cut short")
            if not behind:
                behind = at + 2
            at = (size & 0x3F) << 8 | data[at + 1]
            if at >= limit:
                raise RemoteError("a name that leads in a circle")
            limit = at
            continue
        if size >= 0x40:
            raise RemoteError("a label of an unknown kind")
        if at + 1 + size > len(data) or len(name) + 1 + size > MAX_NAME_BYTES:
            raise RemoteError("a name that is too long")
        name.append(size)
        for octet in data[at + 1 : at + 1 + size]:
            name.append(octet | 0x20 if 65 <= octet <= 90 else octet)
        at += 1 + size
        if not size:
            return bytes(name), behind or at

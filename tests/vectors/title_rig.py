"""A codec's unit that keeps samples, and boxes of titles found and changed where they lie."""

from settop.crypto.aes import aes_ecb
from title_vectors import KEY, KID


class Heard:
    """Stands for a codec's unit: `samples` are all that came. most: octets that it takes at a time, `room`: in all;
    None for any number."""

    def __init__(self, most=None, room=None):
        self.samples = []
        self.most = most
        self.room = room
        self.due = 0
        self.made = None
        self.dropped = False

    def make(self, *what):
        self.made = what
        return self

    def begin(self, size):
        assert not self.due, "a sample before the last one was complete"
        self.samples.append(bytearray())
        self.due = size

    def write(self, octets, start, end):
        count = end - start
        assert 0 < count <= self.due
        if self.most is not None:
            count = min(count, self.most)
        if self.room is not None:
            count = min(count, self.room)
            self.room -= count
        self.samples[-1].extend(octets[start : start + count])
        self.due -= count
        return count

    def flush(self):
        return True

    def drop(self):
        self.dropped = True

    def whole(self):
        """The samples that came to their end."""
        return [bytes(sample) for sample in (self.samples[:-1] if self.due else self.samples)]


def keys(kid):
    """A keystore with the one key."""
    return bytearray(KEY) if kid == KID else None


def no_keys(kid):
    raise AssertionError("a clear title asks for no key")


def play(reader, title, step=None):
    """All of a title in pieces of `step` octets, whatever the unit takes."""
    at = 0
    while at < len(title):
        end = len(title) if step is None else min(len(title), at + step)
        while at < end:
            at += reader.feed(title, at, end)
    while not reader.flush():
        pass
    reader.finish()


def place_of(title, *path):
    """Where the first box at that path begins; a sample entry counts as its kind."""
    skips = {b"stsd": 8, b"enca": 28, b"mp4a": 28}
    start, end = 0, len(title)
    for kind in path:
        at = start
        while title[at + 4 : at + 8] != kind:
            at += int.from_bytes(title[at : at + 4], "big")
            assert at < end, kind
        start, end = at + 8 + skips.get(kind, 0), at + int.from_bytes(title[at : at + 4], "big")
    return at


def changed(title, path, offset, octets):
    """A title in which `octets` stand `offset` octets into the body of a box."""
    at = place_of(title, *path) + 8 + offset
    return title[:at] + octets + title[at + len(octets) :]


def box(kind, *parts):
    body = b"".join(parts)
    return number(8 + len(body)) + kind + body


def number(value, count=4):
    return value.to_bytes(count, "big")


def inserted(title, path, octets):
    """A title with `octets` at the end of what the box at that path holds."""
    places = [place_of(title, *path[: depth + 1]) for depth in range(len(path))]
    end = places[-1] + int.from_bytes(title[places[-1] : places[-1] + 4], "big")
    title = title[:end] + octets + title[end:]
    for at in places:
        title = title[:at] + number(int.from_bytes(title[at : at + 4], "big") + len(octets)) + title[at + 4 :]
    return title


def fragment(samples, *boxes, first=b"", tfhd=b"", flags=0x20000, offset=None):
    """A `moof` of track 1 with these boxes behind its `trun`, and its `mdat`, in which `first` lies in front. tfhd,
    flags: what that says more; offset: what `trun` says, which is right where it is left out."""

    def moof(at):
        run = box(
            b"trun", number(0x201), number(len(samples)), number(at), b"".join([number(len(one)) for one in samples])
        )
        head = box(b"tfhd", number(flags), number(1), tfhd)
        return box(b"moof", box(b"mfhd", bytes(8)), box(b"traf", head, run, *boxes))

    place = len(moof(0)) + 8 + len(first) if offset is None else offset
    return moof(place) + box(b"mdat", first, *samples)


def counted(key, iv, octets):
    """A sample in counter mode, octet by octet of its definition (ISO/IEC 23001-7, 9.5)."""
    cipher = aes_ecb(key)
    found = bytearray()
    iv += bytes(16 - len(iv))
    count = int.from_bytes(iv[8:], "big")
    for at in range(0, len(octets), 16):
        stream = cipher.encrypt(iv[:8] + number(count + at // 16 & 0xFFFFFFFFFFFFFFFF, 8))
        part = octets[at : at + 16]
        found += bytes([part[i] ^ stream[i] for i in range(len(part))])
    return bytes(found)


def seig(*entries):
    """`sgpd` of version 1 with entries of one length."""
    return box(b"sgpd", number(1 << 24), b"seig", number(len(entries[0])), number(len(entries)), *entries)


def spans(*pairs):
    """`sbgp`: (samples, number of their group)."""
    return box(b"sbgp", bytes(4), b"seig", number(len(pairs)), *[number(one) + number(group) for one, group in pairs])


def lock(kid, iv_bytes=8, pattern=0, iv=b""):
    """An entry of `seig`; kid None: clear."""
    if kid is None:
        return bytes(20)
    return bytes((0, pattern, 1, iv_bytes)) + kid + (b"" if iv_bytes else bytes((len(iv),)) + iv)

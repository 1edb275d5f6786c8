"""Codec units: each brings the samples of a title into a form that the decoder chip reads. A title's header names its
codec; the table says which module has the unit, and only that one is loaded.

A module has `make(sink, rate, channels, extra)` and gives a `Unit` (`unit.py`). sink: `write(octets, start, end)` takes
what it has room for and gives how many octets that are (`vs1053.py`). rate: Hz. extra: what the codec's own header
says, in octets; which, its module says.
"""

from settop.errors import RemoteError

# (codec, module). AAC and MP3 by their names in RFC 6381, in lower case; PCM and IMA ADPCM by the sample entry.
UNITS = (
    ("mp4a.40.2", "settop.codec.aac"),
    ("mp4a.40.5", "settop.codec.aac"),
    ("mp4a.40.29", "settop.codec.aac"),
    ("mp4a.67", "settop.codec.aac"),
    ("mp4a.40.34", "settop.codec.unit"),
    ("mp4a.69", "settop.codec.unit"),
    ("mp4a.6b", "settop.codec.unit"),
    ("ipcm", "settop.codec.pcm"),
    ("sowt", "settop.codec.pcm"),
    ("ms.0011", "settop.codec.adpcm"),
)

_added = {}


def add(codec, module):
    """From now on `codec` has its unit in `module`: its name, or what gives one that came later (None: there is none
    after all) when it is called. None: in that of the table."""
    codec = codec.lower()
    if module is None:
        _added.pop(codec, None)
    else:
        _added[codec] = module


def knows(codec):
    """Whether there is a unit for it. One that came later is loaded for that: it may be gone by now."""
    name = codec.lower()
    module = _added.get(name)
    if module is not None and not (callable(module) and module() is None):
        return True
    for row in UNITS:
        if row[0] == name:
            return True
    return False


def make(codec, sink, rate, channels, extra=b""):
    """The unit for a title's codec. RemoteError: there is none here, or it does not take such a title."""
    name = codec.lower()
    module = _added.get(name)
    if callable(module):
        found = module()
        if found is not None:
            return _made(found, sink, rate, channels, extra)
        module = None
    if module is None:
        for row in UNITS:
            if row[0] == name:
                module = row[1]
    if module is None:
        raise RemoteError("no codec %s on this terminal" % printable(codec))
    found = __import__(module)
    for part in module.split(".")[1:]:
        found = getattr(found, part)
    return _made(found, sink, rate, channels, extra)


def _made(module, sink, rate, channels, extra):
    if not 1 <= channels <= 2 or not 1 <= rate <= 96000:
        raise RemoteError("%d channels at %d Hz: the decoder plays one or two, at 96,000 Hz at most" % (channels, rate))
    return module.make(sink, rate, channels, extra)


def printable(text):
    """At most 16 characters of a name from outside, none of which does anything to a console."""
    return "".join([c if " " < c < "\x7f" else "?" for c in text[:16]])

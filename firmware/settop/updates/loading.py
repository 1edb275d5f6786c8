"""A module from flash into memory. What it is was verified before."""

import sys

from settop.wire.update import SOURCE

PREFIX = "up_"  # so that no module of the firmware is meant by it


def abi():
    """(version, processor, bits of a small integer) of the .mpy files that this interpreter loads; zeros: none."""
    mpy = getattr(sys.implementation, "_mpy", 0)
    return mpy & 0xFF, mpy >> 8 & 0xFF, 63 if sys.maxsize > 0x7FFFFFFF else 31


def path_of(folder, slot, name, mpy):
    """Where a module lies."""
    return "%s/%s/%s%s.%s" % (folder, "AB"[slot], PREFIX, name, "py" if mpy == SOURCE else "mpy")


def load(files, path, mpy):
    """Runs the module and gives it, or what has its names; nothing of it stays in sys.modules, as another version may
    come. Whatever the module raises passes through."""
    if mpy == SOURCE:
        return _Names(_text(files, path))
    folder, _, file = path.rpartition("/")
    name = file.rsplit(".", 1)[0]
    sys.modules.pop(name, None)
    sys.path.insert(0, folder)
    try:
        return __import__(name)
    finally:
        sys.path.remove(folder)
        sys.modules.pop(name, None)


class _Names:
    """A module that was source: MicroPython makes no module objects."""

    def __init__(self, text):
        names = {"__name__": "update"}
        exec(text, names)  # noqa: S102 (what was signed)
        for name in names:
            if name[:2] != "__":
                setattr(self, name, names[name])


def _text(files, path):
    view = bytearray(256)
    out = bytearray()
    for count in files.pieces(path, view):
        out += memoryview(view)[:count]
    return bytes(out).decode()

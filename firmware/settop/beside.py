"""Modules that an image has not inside, looked for in files: an image holds what its services need, and others may come
later with theirs.

MicroPython looks for a module where its package was found and nowhere else, and a package may be in part in the image.
"""

import builtins
import sys

_INSIDE = ".frozen/"
_plain = __import__  # the one that there is without this
_files = ""  # where they are, once they are looked into
_busy = 0  # imports within imports
_short = None  # the innermost, where the stack was too short for them


def look_in_files():
    """From now on every import of ours that the image cannot serve is tried in the files. False: it was so already, or
    there is no image with us inside, or there are no files of its version; nothing has changed then."""
    global _plain, _files
    place = sys.modules["settop"].__path__
    if _files or not isinstance(place, str) or not place.startswith(_INSIDE):
        return False
    for folder in sys.path:
        folder = folder + "/" if folder else ""
        if folder != _INSIDE and _fits(folder + "settop/inside.txt"):
            _files = folder
            _plain = builtins.__import__
            builtins.__import__ = _import
            return True
    return False


def _fits(path):
    """Whether the files there are of the image's version: others may lie there from before it."""
    try:
        from settop.inside import SOURCES

        with open(path) as file:
            return file.read(len(SOURCES) + 1) == SOURCES
    except (ImportError, OSError):
        return False


def _import(name, *rest):
    if name.startswith("settop."):
        load = _find if _busy else _find_all
        load(name)
        for part in rest[2] or () if len(rest) > 2 else ():
            if part != "*" and not hasattr(sys.modules[name], part):
                load(name + "." + part)
    return _plain(name, *rest)


def _find_all(name):
    """As `_find`. Every import within another takes its piece of the stack: what it ended at is loaded first then."""
    global _short
    wanted = [name]
    while wanted:
        _short = None
        try:
            _find(wanted[-1])
            wanted.pop()
        except RuntimeError:
            if _short is None or _short in wanted:
                raise
            wanted.append(_short)


def _find(name):
    """Loads it and its packages, each from the image or else from the files."""
    global _busy, _short
    if name in sys.modules:
        return
    parent = name.rpartition(".")[0]
    _find(parent)
    package = sys.modules[parent]
    found_in, folder = getattr(package, "__path__", None), parent.replace(".", "/")
    if found_in is None:  # no package: this says so
        return _plain(name)
    _busy += 1
    try:
        package.__path__ = _INSIDE + folder
        try:
            _plain(name)
            return
        except ImportError as error:
            if "'%s'" % name not in str(error):  # it is there, and what it imports is not
                raise
        package.__path__ = _files + folder
        _plain(name)
    except RuntimeError:
        _short = _short or name
        raise
    finally:
        _busy -= 1
        package.__path__ = found_in

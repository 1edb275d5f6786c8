"""Modules on the real file system of each interpreter: written piece by piece, read, run, taken away."""

import sys

from kit import raises
from settop.updates.files import ModuleFiles
from settop.updates.loading import load, path_of
from settop.wire.update import SOURCE


def folder(name):
    """One of its own for each test; its parent is there."""
    if sys.implementation.name == "cpython":
        import tempfile

        return tempfile.mkdtemp() + "/" + name
    return name


def written(files, path, octets, size=7):
    files.begin(path)
    for at in range(0, len(octets), size):
        files.append(memoryview(octets)[at : at + size])
    files.close()


def read(files, path, size=5):
    view = bytearray(size)
    return b"".join([bytes(view[:count]) for count in files.pieces(path, view)])


def test_what_was_written_in_pieces_is_read_in_pieces():
    files = ModuleFiles()
    place = folder("pieces")
    path = path_of(place, 1, "some", SOURCE)
    assert path == place + "/B/up_some.py"
    octets = bytes(range(256))
    written(files, path, octets)
    assert read(files, path) == octets and files.names(place + "/B") == ["up_some.py"]
    written(files, path, b"shorter")
    assert read(files, path) == b"shorter"
    files.remove(path)
    files.remove(path)
    assert read(files, path) == b"" and files.names(place + "/B") == [] and files.names(place + "/A") == []


def test_one_that_was_begun_anew_gives_up_the_other():
    files = ModuleFiles()
    place = folder("anew")
    files.begin(place + "/A/up_one.py")
    files.append(b"1")
    written(files, place + "/B/up_one.py", b"22")
    files.close()
    assert read(files, place + "/A/up_one.py") == b"1" and read(files, place + "/B/up_one.py") == b"22"


def test_source_is_run_from_there_and_leaves_no_module_behind():
    files = ModuleFiles()
    path = path_of(folder("source"), 0, "mine", SOURCE)
    written(files, path, b"import sys\nHERE = 5\ndef make(more):\n    return HERE + more\n")
    before = set(sys.modules)
    paths = list(sys.path)
    assert load(files, path, SOURCE).make(2) == 7
    assert set(sys.modules) == before and sys.path == paths
    written(files, path, b"raise ValueError\n")
    with raises(ValueError):
        load(files, path, SOURCE)
    assert sys.path == paths


def test_a_compiled_one_that_does_not_load_leaves_no_path_behind():
    files = ModuleFiles()
    path = path_of(folder("compiled"), 0, "bad", b"\x06\x00\x1f")
    assert path.endswith("/A/up_bad.mpy")
    written(files, path, b"M\x05\x00\x1fnothing")
    paths = list(sys.path)
    with raises((ImportError, ValueError)):
        load(files, path, b"\x06\x00\x1f")
    assert sys.path == paths


def test_a_medium_that_takes_less_than_it_is_given_is_full():
    class Short:
        def write(self, octets):
            return len(octets) - 1

    files = ModuleFiles()
    files._file = Short()
    with raises(OSError) as caught:
        files.append(b"12")
    assert caught.value.args[0] == 28

"""Nothing is changed where no image has us inside; beside one, the emulated Pico shows it (test_frozen_beside)."""

import builtins

from kit import raises
from settop.beside import look_in_files
from settop.registry import preload


def test_where_all_is_in_files_nobody_looks_anywhere_else():
    before = builtins.__import__
    assert look_in_files() is False
    preload(("no_service_of_ours",))
    assert builtins.__import__ == before
    with raises(ImportError):
        __import__("settop.services.no_service_of_ours")

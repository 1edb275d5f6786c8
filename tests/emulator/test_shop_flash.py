"""What a thief takes out of a terminal and puts into another one (testbed.systems.shop.flash), on every runtime."""

import pytest
from settop.errors import LocalError
from testbed.runtimes import RuntimeUnavailable
from testbed.systems.shop.flash import BLANK, Stored, put, taken
from testbed.terminals import find_runtime, terminal_spec

STORED = Stored(
    {"keys/titles-0123.a": bytes(range(200)), "player/0123456789abcdef": bytes(20_000), "titles/1.mp4": b"x"},
    bytes(range(256)) * 64,
)


@pytest.fixture(params=["cpython", "unix", pytest.param("pico", marks=pytest.mark.pico)])
def machine(request):
    try:
        runtime = find_runtime(request.param)
    except RuntimeUnavailable as error:
        pytest.skip(str(error))
    made = runtime.machine(terminal_spec(request.param, 921_600, b"flash", ("titles", "player")))
    yield made
    made.close()


def test_what_is_put_in_is_there_and_what_was_there_is_not(machine):
    assert taken(machine) == BLANK
    for stored in (STORED, Stored({"keys/titles-0123.b": b"y"}, STORED.vault), BLANK):
        put(machine, stored)
        assert taken(machine) == stored


def test_nothing_is_put_into_one_that_is_on(machine):
    machine.boot()
    with pytest.raises(LocalError, match="cut its power"):
        put(machine, STORED)
    machine.power_cut()
    put(machine, STORED)
    assert taken(machine) == STORED

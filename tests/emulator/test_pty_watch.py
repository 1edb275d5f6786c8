"""Several programs on one pseudo-terminal: DTR falls with the last close alone."""

import contextlib
import multiprocessing
import os
import select
import tty

import pytest
from testbed.hil.pty_port import PtyPort
from testbed.line.pty_watch import PtyWatch


@pytest.fixture
def pty():
    """(master, name of the other side, watch); opened by nobody."""
    master, slave = os.openpty()
    tty.setraw(slave)
    name = os.ttyname(slave)
    os.close(slave)
    os.set_blocking(master, False)
    watch = PtyWatch(master, name)
    yield master, name, watch
    watch.close()
    os.close(master)


def opened(name):
    return os.open(name, os.O_RDWR | os.O_NOCTTY)


def stirred(watch):
    return bool(select.select([watch.fd], [], [], 0)[0])


def test_a_new_one_is_open_to_nobody_and_was_not_closed(pty):
    _, _, watch = pty
    assert not stirred(watch)
    assert watch.look() == (False, False)


def test_open_and_close_by_one_program(pty):
    _, name, watch = pty
    program = opened(name)
    assert stirred(watch)
    assert watch.look() == (False, True)
    assert not stirred(watch)
    os.close(program)
    assert stirred(watch)
    assert watch.look() == (True, False)
    assert watch.look() == (False, False)


def test_the_first_of_two_closes_says_nothing(pty):
    _, name, watch = pty
    terminal, script = opened(name), opened(name)
    assert watch.look() == (False, True)
    os.close(script)
    assert watch.look() == (False, True)
    os.close(terminal)
    assert watch.look() == (True, False)


@pytest.mark.parametrize("times", [1, 2, 50])
def test_a_script_that_comes_and_goes_beside_a_terminal_says_nothing(pty, times):
    _, name, watch = pty
    terminal = opened(name)
    watch.look()
    for _ in range(times):
        os.close(opened(name))
    assert watch.look() == (False, True)
    os.close(terminal)
    assert watch.look() == (True, False)


def test_they_may_overlap_in_any_order(pty):
    _, name, watch = pty
    first, second = opened(name), opened(name)
    os.close(first)
    third = opened(name)
    os.close(second)
    assert watch.look() == (False, True)
    fourth = opened(name)
    os.close(third)
    os.close(fourth)
    assert watch.look() == (True, False)


def test_a_close_by_the_last_is_seen_behind_an_open(pty):
    _, name, watch = pty
    program = opened(name)
    watch.look()
    for _ in range(100):
        os.close(program)
        program = opened(name)
        assert watch.look() == (True, True)
        assert watch.look() == (False, True)
    os.close(program)


def test_a_script_that_is_through_before_anybody_looks_was_there(pty):
    master, name, watch = pty
    script = opened(name)
    os.write(script, b"AT\r")
    os.close(script)
    assert watch.look() == (True, False)
    assert os.read(master, 100) == b"AT\r"


def test_data_in_either_direction_are_no_close(pty):
    master, name, watch = pty
    terminal, script = opened(name), opened(name)
    watch.look()
    for _ in range(20):
        for sender, taker in ((terminal, master), (master, script)):
            with contextlib.suppress(BlockingIOError):
                while select.select([], [sender], [], 0)[1]:
                    os.write(sender, b"x" * 512)
            while select.select([taker], [], [], 0.01)[0]:
                os.read(taker, 4096)
        assert watch.look() == (False, True)
    os.close(terminal)
    os.close(script)


def come_and_go(name, times):
    for _ in range(times):
        os.close(opened(name))


def test_many_processes_at_once_beside_a_terminal_say_nothing(pty):
    _, name, watch = pty
    terminal = opened(name)
    watch.look()
    scripts = [multiprocessing.Process(target=come_and_go, args=(name, 500)) for _ in range(4)]
    for script in scripts:
        script.start()
    looks = []
    while any(script.is_alive() for script in scripts):
        select.select([watch.fd], [], [], 0.05)
        looks.append(watch.look())
    assert set(looks) == {(False, True)}
    os.close(terminal)
    assert watch.look() == (True, False)


def test_a_port_keeps_what_waits_for_one_program_when_another_leaves(tmp_path):
    port = PtyPort(tmp_path / "port")
    try:
        assert not port.look()
        terminal, script = opened(port.link), opened(port.link)
        port.look()
        port.write(b"hello")
        os.close(script)
        assert not port.look()
        assert port.open
        assert os.read(terminal, 100) == b"hello"
        port.write(b"too late")
        os.close(terminal)
        assert port.look()
        assert not port.open
    finally:
        port.close()

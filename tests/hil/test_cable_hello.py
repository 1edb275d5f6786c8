"""The host's hello on one cable, where the board did not hear the first one."""

from types import SimpleNamespace

import pytest
from testbed.hil import lines


class DeafPort:
    """A port behind which nobody answers; `sent` is what was written to it."""

    def __init__(self):
        self.is_open = True
        self.sent = b""

    def read(self):
        return b""

    def write(self, data):
        self.sent += data


@pytest.fixture
def deaf(monkeypatch):
    now_s = [100.0]
    monkeypatch.setattr(lines.time, "monotonic", lambda: now_s[0])
    port = DeafPort()
    wires = lines._Cable(SimpleNamespace(connection=lambda *_: port, logs=None))
    wires.begin()
    return SimpleNamespace(port=port, wires=wires, now_s=now_s)


def heard_at(deaf, at_s):
    deaf.now_s[0], deaf.port.sent = at_s, b""
    deaf.wires.read("console")
    return deaf.port.sent


def test_host_says_hello_again_to_a_board_that_does_not_answer(deaf):
    first = heard_at(deaf, 100.0)
    assert first
    assert heard_at(deaf, 100.1) == b""
    again = heard_at(deaf, 102.2)
    assert again
    assert heard_at(deaf, 102.3) == b""
    assert heard_at(deaf, 104.5)


def test_host_says_no_hello_at_a_prompt(deaf):
    heard_at(deaf, 100.0)
    deaf.wires._host.prompted = True
    assert heard_at(deaf, 103.0) == b""

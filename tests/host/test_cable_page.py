"""docs/protocols/cable.md against the code: its hex is what both ends say, its state table what they do."""

import re
from pathlib import Path

import pytest
from settop.link import channels, mux
from settop.link.cable import Cable
from settop.link.network import CHANNELS
from testbed.line.cable import CableHost, windows

PAGE = (Path(__file__).parents[2] / "docs/protocols/cable.md").read_text(encoding="utf-8")
LETTERS = {name: letter for name, letter, *_ in CHANNELS}
WINDOWS = [window for _, _, window, *_ in CHANNELS]
TELEPHONES = [letter for _, letter, *_ in channels.CHANNELS]  # what the board on the page has
HOST_WINDOWS = windows(CHANNELS)


class Wire:
    def __init__(self):
        self.inward, self.outward = bytearray(), bytearray()

    def readinto(self, view, count):
        view[:count] = self.inward[:count]
        del self.inward[:count]
        return count

    def write(self, data, count):
        self.outward += bytes(data[:count])
        return count


class Bench:
    def __init__(self, session=0x2A28):
        self.wire = wire = Wire()
        self.board = Cable(wire, wire, lambda wait_ms: bool(wire.inward), lambda: True)
        self.host = CableHost(session)

    def to_host(self):
        data = bytes(self.wire.outward)
        self.wire.outward.clear()
        self.host.receive(data)
        return data

    def to_board(self):
        data = self.host.data_to_send()
        self.wire.inward += data
        self.poll()
        return data

    def poll(self):
        for _ in range(3):
            self.board.poll()


def dump():
    """[(name, from the board?, octets on the wire, meaning as the page has it)]"""
    block = PAGE.split("## A short session in hex")[1].split("```text\n")[1].split("```")[0]
    messages = []
    for line in block.splitlines():
        octets = re.match(r"  ((?:[0-9a-f]{2} ?)+)", line)
        if re.match(r"\w+, \w+ -> \w+$", line):
            name, way = line.split(", ")
            messages.append((name, way == "board -> host", bytearray(), []))
        elif line.startswith("= "):
            messages[-1][3].append(line[2:])
        elif octets:
            messages[-1][2].extend(bytes.fromhex(octets.group(1)))
        else:
            raise AssertionError(f"what is {line!r}?")
    return messages


def test_hex_is_what_both_ends_say():
    bench = Bench()
    host, board = bench.host, bench.board
    up = bench.to_host()
    hello = bench.to_board()
    assert hello.startswith(mux.IDLE)
    up += bench.to_host()
    host.send("console", b"call 5550199\n")
    host.send("modem", b"\r\nOK\r\n")
    host.send("tuner", bytes.fromhex("4701039003"))
    down = hello[len(mux.IDLE) :] + bench.to_board()
    board.console.write_line("@ 812 dialling number=5550199")
    board.modem.write(b"ATDT5550199\r")
    board.output.write(bytes.fromhex("47010310"))
    up += bench.to_host()
    assert b"".join(octets for _, from_board, octets, _ in dump() if from_board) == up
    assert b"".join(octets for _, from_board, octets, _ in dump() if not from_board) == down
    assert b"\x03" not in down and b"\x03" in up


def test_hex_decodes_to_what_the_page_says():
    said = [(name, octets, meaning) for name, _, octets, meaning in dump()]
    assert said[0][1] == mux.NOTICE and said[0][2] == [mux.NOTICE.decode().strip()]
    for name, octets, meaning in said[1:]:
        receiver = mux.Receiver()
        receiver.view[: len(octets)] = octets
        receiver.have = len(octets)
        assert receiver.ready() and receiver.total == len(octets)
        payload = bytes(receiver.frame[mux.PAYLOAD : receiver.total - 2])
        if name in LETTERS:
            assert receiver.frame[1] == ord(LETTERS[name])
            assert payload == bytes.fromhex(meaning[0])
        else:
            assert receiver.frame[1] == mux.CONTROL and payload[0] == {"HELLO": mux.HELLO, "WELCOME": mux.WELCOME}[name]
            assert payload[1] == mux.VERSION
            named = [payload[at : at + 3] for at in range(mux.LIST, len(payload), 3)]
            assert b"".join(named) == payload[mux.LIST :]
            credits = {chr(letter): high << 8 | low for letter, high, low in named}
            expected = HOST_WINDOWS if name == "HELLO" else WINDOWS
            expected = dict(zip(LETTERS.values(), expected, strict=True))
            if name == "WELCOME":
                expected = {letter: expected[letter] for letter in TELEPHONES}
            assert credits == expected
            assert meaning == [", ".join(f"{letter} {size}" for letter, size in expected.items())]


def test_page_has_the_table_of_channels():
    rows = [line.strip("|").split("|") for line in PAGE.split("| channel |")[1].split("\n\n")[0].splitlines()[2:]]
    assert [tuple(cell.strip().strip("`") for cell in row) for row in rows] == [
        (name, letter, f"{window:,}", f"{ours:,}", inward, outward)
        for (name, letter, window, inward, outward), ours in zip(CHANNELS, HOST_WINDOWS, strict=True)
    ]


def test_page_names_the_windows_and_the_kinds():
    for window in WINDOWS + HOST_WINDOWS:
        assert f"{window:,}" in PAGE
    for name in ("HELLO", "WELCOME", "CREDIT"):
        assert f"| `{chr(getattr(mux, name))}` {name} |" in PAGE
    assert f"{len(mux.IDLE)} octets `00`" in PAGE and f"0 to {mux.MAX_PAYLOAD_BYTES} " in PAGE


def table():
    rows = [line.strip("|").split("|") for line in PAGE.split("| end | state")[1].split("\n\n")[0].splitlines()[2:]]
    return [tuple(cell.strip() for cell in row) for row in rows]


def host_state(host):
    if host.problem:
        return "refused"
    return "prompted" if host.prompted else "attached" if host.attached else "greeting"


def board_event(bench, event):
    wire = bench.wire
    if event == "Ctrl-C":
        # What MicroPython does with 03: the read under way raises, and nothing of ours stops that.
        def interrupted(view, count):
            raise KeyboardInterrupt

        wire.inward += mux.IDLE
        bench.board._read = interrupted
        with pytest.raises(KeyboardInterrupt):
            bench.poll()
        return
    if event == "HELLO":
        wire.inward += CableHost(1).data_to_send()
    elif event == "data frame":
        other = Bench(5)
        for _ in range(2):
            other.to_host()
            other.to_board()
        other.to_host()
        other.host.send("tuner", b"data")
        wire.inward += other.host.data_to_send()
    else:
        wire.inward += {"typed line": b"status\r", "rubbish": b"\x00\xff\x80\r\n"}[event]
    bench.poll()
    line = bench.board.console.read_line()
    assert line == ("status" if event == "typed line" else None)
    bench.poll()


def host_event(bench, event):
    host = bench.host
    if event == "WELCOME of this session":
        bench.wire.inward += bench.hello
        bench.poll()
        bench.to_host()
    elif event == "WELCOME of another session":
        other = Bench(0x1000)
        other.to_board()
        host.receive(bytes(other.wire.outward).replace(mux.NOTICE, b""))
    elif event == "frame of this session":
        bench.board.modem.write(b"ATZ")
        bench.to_host()
    else:
        host.receive(
            {
                "notice": mux.NOTICE,
                "prompt": b"\r\n>>> ",
                "other text": b"Traceback\r\n",
                "notice of another version": b"# ringcast cable 1\r\n",
            }[event]
        )


@pytest.mark.parametrize(("end", "state", "event", "then"), table())
def test_state_table_is_what_the_ends_do(end, state, event, then):
    bench = Bench()
    bench.wire.outward.clear()
    bench.hello = bench.host.data_to_send()
    if end == "board":
        if state == "frames":
            board_event(bench, "HELLO")
        board_event(bench, event)
        if then != "REPL":
            assert ("text" if bench.board.mux.session is None else "frames") == then
        return
    if state in ("attached", "prompted"):
        host_event(bench, "WELCOME of this session")
    if state == "prompted":
        host_event(bench, "prompt")
    if state == "refused":
        host_event(bench, "notice of another version")
    assert host_state(bench.host) == state
    host_event(bench, event)
    assert host_state(bench.host) == then
    assert bool(bench.host.data_to_send()) == (event == "notice")


def test_every_state_of_the_table_is_reached():
    rows = table()
    assert len(rows) == len(set(rows)) == 17
    for end in ("board", "host"):
        states = {row[1] for row in rows if row[0] == end}
        assert states <= {row[3] for row in rows if row[0] == end} | {"text", "greeting"}

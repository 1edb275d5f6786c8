"""The cable's core: frames found in rubbish, credit, positions, control messages."""

from cable_rig import CONSOLE, LETTERS, MODEM, STREAM
from kit import raises
from settop.errors import LocalError
from settop.link import mux
from settop.link.inflow import GRANTED, POSITION, Inflow


def noise(count, seed):
    """Repeatable octets."""
    out = bytearray(count)
    for i in range(count):
        seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
        out[i] = seed >> 16 & 0xFF
    return out


class Tape(mux.Receiver):
    """Feeds octets in pieces and keeps the frames and the text."""

    def __init__(self):
        super().__init__()
        self.frames = []
        self.said = b""

    def text(self, octets, fresh):
        self.said += bytes(octets)

    def feed(self, data, size=1000):
        at = 0
        while at < len(data):
            count = min(size, self.missing, len(data) - at)
            self.view[self.have : self.have + count] = data[at : at + count]
            self.have += count
            at += count
            while self.ready():
                self.frames.append(bytes(self.frame[mux.PAYLOAD : self.total - 2]))
                self.done()
            assert self.have <= mux.FRAME_BYTES
            assert 1 <= self.missing <= mux.FRAME_BYTES - self.have


def open_mux(windows=(64, 64, 512), session=7, limits=(500, 500, 500)):
    """An end that knows of another one with the same channels."""
    core = mux.Mux(LETTERS, windows, Tape())
    core.restart(session)
    frame = bytes(core.out[: core.control(mux.WELCOME)])
    core.receiver.frame[: len(frame)] = frame
    core.receiver.total = len(frame)
    core.join()
    core._limits[:] = limits
    return core


def frame_of(core, line, data, hide=True):
    total = core.build(line, data, 0, len(data))
    if hide:
        mux.hide(core.out, total)
    return bytes(core.out[:total])


def message_of(core, kind):
    return bytes(core.out[: core.control(kind)])


def give(core, frame):
    """What `core` makes of a frame from the other end."""
    receiver = core.receiver
    receiver.view[: len(frame)] = frame
    receiver.have = len(frame)
    assert receiver.ready()
    kind = core.handle()
    receiver.done()
    return kind


def test_frames_come_back_in_pieces_of_any_size():
    core = open_mux(limits=(0, 0, 1000))
    sent = [bytes(noise(length, length)) for length in (0, 1, 3, 200, 240)]
    stream = b"".join([frame_of(core, STREAM, data) for data in sent])
    for size in (1, 2, 5, 64, 1000):
        tape = Tape()
        tape.feed(stream, size)
        assert tape.frames == sent
        assert (tape.damaged, tape.resyncs, tape.said) == (0, 0, b"")


def test_no_frame_for_a_board_has_an_interrupt_in_it():
    core = open_mux((1024, 1024, 8192))
    for session in range(0, 300, 9):
        core.restart(session * 3)
        core._limits[:] = [0x0303, 0x0303, 0x0303]
        core._positions[:] = [0x0303, 0x0300, 0x0203]
        total = core.control(mux.HELLO)
        mux.hide(core.out, total)
        assert b"\x03" not in bytes(core.out[:total])
        assert b"\x03" not in frame_of(core, MODEM, b"\x03\x00\x03"[: session % 4])


def test_text_between_frames_is_told_apart():
    core = open_mux()
    tape = Tape()
    tape.feed(b"MicroPython\r\n>>> " + frame_of(core, CONSOLE, b"one") + b"\x00\x00x" + frame_of(core, 2, b"two"))
    assert tape.frames == [b"one", b"two"]
    assert tape.said == b"MicroPython\r\n>>> \x00\x00x"


def test_frame_behind_any_cut_or_damage_is_found():
    core = open_mux()
    one = frame_of(core, CONSOLE, b"key \xa5 frame \xa5@")
    two = frame_of(core, CONSOLE, b"next")
    for at in range(1, len(one)):
        tape = Tape()
        tape.feed(one[:at] + two + mux.IDLE)
        assert b"next" in tape.frames, at
        for flip in (0x01, 0x80):
            damaged = bytearray(one)
            damaged[at] ^= flip
            tape = Tape()
            tape.feed(bytes(damaged) + two + mux.IDLE)
            assert b"next" in tape.frames, (at, flip)
            assert b"key \xa5 frame \xa5@" not in tape.frames or damaged[3] != one[3]
            assert tape.damaged + tape.resyncs


def test_idle_octets_end_any_unfinished_frame():
    core = open_mux()
    whole = frame_of(core, STREAM, bytes(240))
    for at in range(0, len(whole), 8):
        tape = Tape()
        tape.feed(whole[:at] + mux.IDLE)
        assert tape.have == 0, at
        tape.feed(frame_of(open_mux(), MODEM, b"OK"))
        assert tape.frames == [b"OK"]


def test_giving_up_shows_the_text_that_an_unfinished_frame_hid():
    core = open_mux()
    tape = Tape()
    tape.feed(frame_of(core, STREAM, bytes(240))[:9] + b"Traceback")
    assert tape.said == b"" and tape.have == 18
    while tape.give_up():
        assert not tape.ready()
    assert tape.said.endswith(b"Traceback") and tape.have == 0
    assert not tape.give_up()


def test_noise_never_raises_nor_grows_and_a_frame_behind_it_is_found():
    core = open_mux()
    frame = frame_of(core, MODEM, b"CONNECT 2400")
    for seed in range(8):
        rubbish = noise(400, seed)
        for i in range(0, 400, 7):
            rubbish[i] = mux.SYNC
            if i % 2 and i + 5 < 400:
                rubbish[i + 4] = mux.check_of(rubbish[i + 1], rubbish[i + 2], rubbish[i + 3])
        tape = Tape()
        tape.feed(bytes(rubbish) + frame + mux.IDLE, 1 + seed)
        assert tape.frames[-1:] == [b"CONNECT 2400"]


def test_octets_go_round_the_ring_in_order():
    sender, board = open_mux(), open_mux()
    board.control(mux.CREDIT)
    waiting = b""
    moved = 0
    view = bytearray(100)
    for i in range(200):
        data = bytes(noise(1 + i * 7 % 61, i))
        inflow = board.inflows[STREAM]
        sender._limits[STREAM] = inflow.state[GRANTED]
        if sender.room(STREAM) >= len(data):
            assert give(board, frame_of(sender, STREAM, data)) == 0
            waiting += data
        assert inflow.level == len(waiting)
        count = inflow.readinto(memoryview(view)[: 1 + i * 5 % 90])
        assert bytes(view[:count]) == waiting[:count]
        waiting = waiting[count:]
        moved += count
        if inflow.due():
            inflow.grant()
    assert moved > 8 * 512 and board.refused == 0


def test_what_has_no_credit_is_refused_and_counted():
    sender, board = open_mux(), open_mux()
    board.control(mux.CREDIT)
    assert give(board, frame_of(sender, MODEM, bytes(64))) == 0
    give(board, frame_of(sender, MODEM, b"x"))
    assert (board.refused, board.inflows[MODEM].level) == (1, 64)
    board.inflows[MODEM].readinto(bytearray(64))
    give(board, frame_of(sender, MODEM, b"y"))  # there is room, and it has not been granted
    assert (board.refused, board.inflows[MODEM].level) == (2, 0)
    board.control(mux.CREDIT)
    give(board, frame_of(sender, MODEM, b"z"))
    assert (board.refused, board.inflows[MODEM].level, board.inflows[MODEM].lost) == (2, 1, 2)


def test_a_repeated_frame_is_refused():
    sender, board = open_mux(), open_mux()
    board.control(mux.CREDIT)
    frame = frame_of(sender, CONSOLE, b"call\n")
    give(board, frame)
    give(board, frame)
    assert (board.refused, board.inflows[CONSOLE].level) == (1, 5)


def test_a_lost_frame_costs_its_octets_and_no_credit():
    sender, board = open_mux(), open_mux()
    for _ in range(40):
        inflow = board.inflows[MODEM]
        message_of(board, mux.CREDIT)
        sender._limits[MODEM] = inflow.state[GRANTED]
        frame_of(sender, MODEM, bytes(32))  # never arrives
        assert give(board, frame_of(sender, MODEM, bytes(32))) == 0
        assert inflow.readinto(bytearray(64)) == 32
        assert inflow.due()
    assert (board.refused, board.inflows[MODEM].lost) == (0, 40 * 32)


def test_credit_is_due_when_a_quarter_of_the_window_is_free_again():
    sender, board = open_mux(), open_mux()
    board.control(mux.CREDIT)
    assert not board.credit_due()
    give(board, frame_of(sender, MODEM, bytes(64)))
    inflow = board.inflows[MODEM]
    inflow.readinto(bytearray(15))
    assert not board.credit_due()
    inflow.readinto(bytearray(1))
    assert board.credit_due()
    board.control(mux.CREDIT)
    inflow.readinto(bytearray(1))
    assert not board.credit_due()


def test_credit_goes_forward_only_and_not_too_far():
    sender, board = open_mux(limits=(0, 0, 0)), open_mux()
    assert sender.room(MODEM) == 0
    assert give(sender, message_of(board, mux.CREDIT)) == 0
    assert [sender.room(line) for line in range(3)] == [64, 64, 512]
    older = message_of(open_mux(windows=(64, 32, 512)), mux.CREDIT)
    give(sender, older)
    assert sender.room(MODEM) == 64 and sender.refused == 1
    wild = open_mux()
    wild.inflows[MODEM].state[POSITION] = 0x8000
    give(sender, message_of(wild, mux.CREDIT))
    assert sender.room(MODEM) == 64 and sender.refused == 2


def test_positions_wrap():
    sender, board = open_mux(limits=(0, 0, 0)), open_mux()
    for end in (sender, board):
        end._positions[MODEM] = end._limits[MODEM] = 0xFFF0
        for index in (POSITION, GRANTED):
            end.inflows[MODEM].state[index] = 0xFFF0
    view = bytearray(64)
    for i in range(30):
        give(sender, message_of(board, mux.CREDIT))
        assert sender.room(MODEM) == 64
        give(board, frame_of(sender, MODEM, bytes([i]) * 33))
        assert board.inflows[MODEM].readinto(view) == 33 and view[0] == view[32] == i
    assert (board.refused, sender.refused, board.inflows[MODEM].lost) == (0, 0, 0)


def test_more_than_the_credit_is_a_local_error():
    sender = open_mux(limits=(0, 3, 0))
    with raises(LocalError):
        sender.build(MODEM, bytes(4), 0, 4)
    sender._limits[MODEM] = 1000
    with raises(LocalError):
        sender.build(MODEM, bytes(241), 0, 241)
    sender.session = None
    with raises(LocalError):
        sender.build(MODEM, b"x", 0, 1)


def test_windows_out_of_range_are_a_local_error():
    for size in (0, 0x8000):
        with raises(LocalError):
            Inflow(size)


def test_data_without_a_session_is_handed_to_the_owner():
    sender, board = open_mux(), open_mux()
    board.session = None
    assert give(board, frame_of(sender, STREAM, b"ts")) == mux.STRAY
    assert board.inflows[STREAM].level == 0


def test_messages_without_sense_are_refused():
    sender, board = open_mux(), open_mux()
    board.control(mux.CREDIT)
    seal = mux.seal
    for channel, body in (
        (mux.CONTROL, b""),
        (mux.CONTROL, b"X"),
        (mux.CONTROL, b"C\x00\x00"),
        (mux.CONTROL, b"H2\x00\x00"),
        (0x00, b"data"),
        (0x78, b"data"),
    ):
        sender.out[1] = channel
        sender.out[5] = sender.out[6] = 0
        before = board.refused
        assert give(board, bytes(sender.out[: seal(sender.out, body, len(body), mux.TABLE)])) == 0
        assert board.refused == before + 1

"""The application on a board of the test's own: its console, its keystore, its start. No command may stop it."""

import gc

import small_stream as air
from settop.app import App
from settop.crypto.hkdf import sha256
from settop.keystore.identity import Identity, store_identity
from settop.keystore.keystore import Keystore

LOCK = bytes(range(32))
KEY = bytes(range(100, 132))
NUMBER = "5550100"


class Files:
    def __init__(self):
        self.files = {}
        self.fails = False

    def read(self, path, limit):
        data = self.files.get(path)
        return None if data is None else data[:limit]

    def write(self, path, data):
        if self.fails:
            raise OSError(5)
        self.files[path] = bytes(data)


class Line:
    """A silent serial line."""

    def __init__(self):
        self.out = b""

    def any(self):
        return 0

    def readinto(self, view):
        return 0

    def write(self, data):
        self.out += bytes(data)
        return len(data)


class Tuner(Line):
    """What `data` holds has come."""

    data = b""

    def any(self):
        return len(self.data)

    def readinto(self, view):
        count = min(len(view), len(self.data))
        view[:count] = self.data[:count]
        self.data = self.data[count:]
        return count


class Output:
    """The decoder, who keeps nothing: a board's heap is small."""

    def write(self, data):
        return len(data)


class Console:
    def __init__(self):
        self.lines = []
        self.said = []

    def read_line(self):
        if not self.lines:
            return None
        line = self.lines.pop(0)
        if isinstance(line, Exception):
            raise line
        return line

    def write_line(self, text):
        self.said.append(text)


class Board:
    NAME = "test"
    STORAGE = "keys"

    def __init__(self, lock=None):
        self.FILES = Files()
        self.lock = lock
        self.console = Console()
        self.line = Line()
        self.tuner = Tuner()
        self.ticks = 5

    def Console(self):
        return self.console

    def modem(self):
        return self.line

    def tuner_and_output(self):
        return self.tuner, Output()

    def load_lock(self):
        return None if self.lock is None else bytearray(self.lock)

    def store_lock(self, lock):
        self.lock = bytes(lock)

    def unique_id(self):
        return b"board 01"

    def entropy(self):
        return b"e" * 32

    def ticks_ms(self):
        return self.ticks

    def ticks_diff(self, a, b):
        return a - b


def provisioned_board():
    board = Board(LOCK)
    keystore = Keystore("keys", LOCK, board.unique_id(), board.FILES)
    store_identity(keystore, Identity(b"terminal", KEY, NUMBER))
    keystore.close()
    return board


def start(board):
    """The application after power-on; the one before must be out of reach, or a board's heap is too small for both."""
    gc.collect()
    return App(board)


def answer(app, board, *lines):
    """What the console says to the lines."""
    board.console.lines += lines
    before = len(board.console.said)
    for _ in range(len(lines) + 1):
        board.ticks += 10
        app.step()
    return [line.split(" ", 2)[2] for line in board.console.said[before:]]


def no_secret_in(board):
    for secret in (KEY, LOCK, board.lock or LOCK):
        shown = (secret.hex(), repr(secret))
        for line in board.console.said:
            assert shown[0] not in line and shown[1] not in line


def test_an_unprovisioned_terminal_says_so_and_refuses_to_call():
    board = Board()
    app = start(board)
    assert "terminal=unprovisioned" in board.console.said[-1]
    said = answer(app, board, "call", "call 5550100")
    assert len(said) == 2
    for line in said:
        assert line.startswith("error this terminal is not provisioned")
    assert app.call.state == "idle"
    assert board.line.out == b"" or b"D" not in board.line.out


def test_a_provisioned_terminal_counts_its_boots():
    board = provisioned_board()
    for boot in (1, 2, 3):
        start(board)
        assert board.console.said[-1].endswith("ready board=test boot=%d terminal=%s" % (boot, b"terminal".hex()))


def test_a_damaged_keystore_is_reported_and_the_terminal_still_answers():
    app = None
    for name in ("identity", "boot"):
        board = provisioned_board()
        del app
        start(board)
        for path in board.FILES.files:
            if name in path:
                board.FILES.files[path] = b"\xff" * 40
        board.console.said = []
        app = start(board)
        assert "error record %s: neither slot opens" % name in board.console.said[0]
        assert "unprovisioned" in board.console.said[1]
        assert answer(app, board, "status")[0].startswith("status call=idle")
        no_secret_in(board)


def test_flash_that_refuses_writes_is_reported_at_the_start():
    board = provisioned_board()
    board.FILES.fails = True
    App(board)
    assert "error the flash refused" in board.console.said[0]


def test_commands_with_bad_arguments_get_a_line_and_nothing_stops():
    board = provisioned_board()
    app = start(board)
    assert answer(app, board, "provision")[0].startswith("provision-key ")
    bad = (
        "nonsense",
        "call 1 2 3",
        "call nobody",
        "call " + "5" * 500,
        "hangup",
        "hangup now",
        "secrecy",
        "secrecy perhaps",
        "status please",
        "provision-set",
        "provision-set 00",
        "provision-set zz zz",
        "provision-set 0 0",
        "provision-set \u00e9\u00e9 \u00e9\u00e9",
        "provision-set %s %s" % ("00" * 32, "00" * 24),
        "\u00e9\u00df\u4e2d",
        "x" * 600,
    )
    for line in bad:
        said = answer(app, board, line)
        assert len(said) == 1 and said[0].startswith("error "), (line, said)
    assert answer(app, board, "", "   ") == []
    assert answer(app, board, "status")[0].startswith("status call=idle")
    no_secret_in(board)


def test_a_line_that_is_no_text_is_reported():
    board = provisioned_board()
    app = start(board)
    assert answer(app, board, UnicodeError("bad")) == ["error a command is plain ASCII"]


def test_provision_set_with_wrong_lengths_or_a_foreign_blob_is_refused():
    board = provisioned_board()
    app = start(board)
    cases = (("11" * 32, "22" * 24), ("11" * 31, "22" * 24), ("11" * 32, "22" * 23), ("00" * 32, "22" * 24))
    for host_key, blob in cases[: air.times(4)]:
        answer(app, board, "provision")
        said = answer(app, board, "provision-set %s %s" % (host_key, blob))
        assert len(said) == 1 and said[0].startswith("error "), said
    assert answer(app, board, "provision-set 00 00") == ["error say `provision` first"]
    assert board.lock == LOCK
    no_secret_in(board)


def provision(app, board):
    """As `ringcast provision` does it, from the format in settop.services.provision."""
    from settop.crypto import x25519
    from settop.crypto.hkdf import hkdf
    from settop.crypto.keywrap import wrap
    from settop.keystore.identity import pack_identity
    from settop.services.provision import LABEL

    public = bytes.fromhex(answer(app, board, "provision")[0].split()[1])
    private = sha256(b"host")
    host_public = bytes(x25519.public_key(private))
    kek = hkdf(x25519.shared_secret(private, public), b"", LABEL + public + host_public, 16)
    record = bytes(32) + bytes(pack_identity(Identity(b"newterm1", KEY, NUMBER)))
    record += bytes(-len(record) % 8)
    return answer(app, board, "provision-set %s %s" % (host_public.hex(), bytes(wrap(kek, record)).hex()))


def test_provisioning_again_keeps_the_terminal_usable_after_the_next_boot():
    board = provisioned_board()
    start(board)
    app = start(board)
    assert provision(app, board) == ["provisioned " + b"newterm1".hex()]
    assert board.lock != LOCK
    del app
    for boot in (3, 4):
        start(board)
        assert board.console.said[-1].endswith("boot=%d terminal=%s" % (boot, b"newterm1".hex())), board.console.said
    no_secret_in(board)


def test_provisioning_waits_for_the_end_of_a_call():
    board = provisioned_board()
    app = start(board)
    answer(app, board, "call")
    assert app.call.state == "dialling"
    assert answer(app, board, "provision") == ["error a call is under way: hang up first"]


def told(app, board, data, ms=1100):
    """What is said of this much from the tuner, in as many ms."""
    before = len(board.console.said)
    board.tuner.data += data
    for _ in range(ms // 10):
        board.ticks += 10
        app.step()
    return [line.split(" ", 2)[2] for line in board.console.said[before:]]


def tables(first, last):
    """Packets of a PID that passes, numbered by their continuity counters."""
    return b"".join([air.packet(0x11, i, bytes(184)) for i in range(first, last)])


def test_what_the_tuner_lost_is_told_of_and_how_much_and_no_more_than_once():
    board = Board()
    app = start(board)
    assert told(app, board, tables(0, 1)[100:]) == []  # tuned in: the first packet came in the middle
    assert told(app, board, tables(1, 9)) == []
    assert told(app, board, tables(9, 30)) == []
    assert told(app, board, tables(33, 50)) == ["tuner_loss lost=3 resyncs=1 damaged=0 overflow=0"]
    assert told(app, board, tables(50, 60)) == []
    data = tables(60, 90)
    (line,) = told(app, board, data[:1000] + data[1100:])
    assert line.startswith("tuner_loss lost=4 resyncs=2 damaged=")
    assert told(app, board, tables(90, 95)) == []
    assert " resyncs=2 lost=4 " in answer(app, board, "status")[0]


def test_losses_are_told_of_once_a_second_however_many_there_are():
    board = Board()
    app = start(board)
    told(app, board, tables(0, 9))
    said = []
    for i in range(300):
        said += told(app, board, tables(10 + 2 * i, 11 + 2 * i), 10)
    assert 2 <= len(said) <= 4, said


def test_a_board_with_one_core_gets_no_second_and_a_failed_one_is_told_of_once():
    board = Board()
    app = start(board)
    assert app.player._descrambler.helper is None
    assert " cores=1 " in answer(app, board, "status")[0]
    del app
    board = Board()
    board.CORES = 2
    app = start(board)
    assert app.player._descrambler.helper is not None
    assert " cores=2 " in answer(app, board, "status")[0]
    app.player._descrambler.helper.ended = True
    said = told(app, board, b"", 3000)
    assert len(said) == 1 and said[0].startswith("error the second core does not answer")
    assert " cores=1 " in answer(app, board, "status")[0]


def test_time_spent_idle_is_counted_and_time_at_work_is_not():
    board = Board()
    naps = []

    class Stop(Exception):
        pass

    def idle(ms):
        if len(naps) == 5:
            raise Stop
        naps.append(ms)
        board.ticks += ms

    board.idle = idle
    app = start(board)
    step = app.step

    def slow_step():
        board.ticks += 7
        return step()

    app.step = slow_step
    try:
        app.run()
    except Stop:
        pass
    assert naps == [10] * 5
    assert " idle_ms=50 " in answer(app, board, "status")[0]


def test_random_console_lines_never_stop_the_application():
    rng = air.Rng(81)
    board = provisioned_board()
    app = start(board)
    words = ("call", "hangup", "secrecy", "status", "provision-set", "on", "off", "00", "\u00e9", "", "5550100", "-1")
    for _ in range(air.times(120)):
        line = " ".join([words[rng.below(len(words))] for _ in range(rng.below(4))])
        answer(app, board, line)
    no_secret_in(board)


def on_air(board, *packets):
    for batch in packets:
        board.tuner.data += b"".join(batch)


def two_services(board, app):
    """Services 1 and 7 under our CA system, 3 under none; 1 and 3 have names."""
    on_air(
        board,
        air.section_packets(0, air.pat(((1, 0x1001), (3, 0x1003), (7, 0x1007)))),
        air.section_packets(0x1001, air.pmt(1, ((0x1B, 0x100),), pcr=0x100)),
        air.section_packets(0x1003, air.pmt(3, ((0x1B, 0x300),), b"", pcr=0x300)),
        air.section_packets(0x1007, air.pmt(7, ((0x1B, 0x700),), pcr=0x700)),
        air.section_packets(0x11, air.sdt(((1, b"First  Programme"), (3, b"Third"), (9, b"Elsewhere")))),
        air.section_packets(0x11, air.sdt(((1, b"First  Programme"), (3, b"Third"), (9, b"Elsewhere"))), 1),
    )
    for _ in range(12):
        board.ticks += 10
        app.step()


def test_programmes_are_listed_with_their_names_and_what_is_tuned():
    board = Board()
    app = start(board)
    assert answer(app, board, "programmes") == ["programmes services=0"]
    two_services(board, app)
    listed = [
        "programme service=1 ringcast=yes tuned=yes name=First Programme",
        "programme service=3 ringcast=no tuned=no name=Third",
        "programme service=7 ringcast=yes tuned=yes",
        "programmes services=3",
    ]
    assert answer(app, board, "programmes", "", "", "") == listed
    assert answer(app, board, "tune 7") == ["tuned service=7 seen=ringcast"]
    listed[0] = listed[0].replace("tuned=yes", "tuned=no")
    assert answer(app, board, "programmes", "", "", "") == listed


def test_a_service_is_chosen_by_number_or_name_and_a_wrong_one_changes_nothing():
    board = Board()
    app = start(board)
    two_services(board, app)
    for line, said in (
        ("tune 7", "tuned service=7 seen=ringcast"),
        ("tune first  programme", "tuned service=1 seen=ringcast name=First Programme"),
        ("tune Third", "tuned service=3 seen=other name=Third"),
        ("tune 65535", "tuned service=65535 seen=none"),
        ("tune", "tuned service=lowest"),
        ("tune 1", "tuned service=1 seen=ringcast name=First Programme"),
    ):
        assert answer(app, board, line) == [said]
    for line in ("tune 0", "tune 65536", "tune -1", "tune Elsewhere", "tune 99999999999999999999", "tune \u00b2"):
        said = answer(app, board, line)
        assert len(said) == 1 and said[0].startswith("error no service"), line
        assert app.player.programmes.service == 1


def test_what_finds_no_room_is_said_on_the_console():
    board = Board()
    app = start(board)
    for number in range(3):
        entries = [(250 * number + n, 0x1000 + n) for n in range(1, 251)]
        on_air(board, air.section_packets(0, air.pat(entries, number=number, last=2), 6 * number))
    said = answer(app, board, "", "", "", "", "", "", "", "", "", "")
    assert len(said) == 1 and said[0].startswith("left_out more than")

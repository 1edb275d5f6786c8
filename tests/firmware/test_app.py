"""The application on a board of the test's own: its console, its keystore, its start. No command may stop it."""

import small_stream as air
from app_rig import NUMBER, Board, answer, no_secret_in, provisioned_board, start
from settop.app import App
from settop.version import FORMATS, VERSION


def test_an_unprovisioned_terminal_says_so_and_refuses_to_call():
    board = Board()
    app = start(board)
    assert "terminal=unprovisioned" in board.console.said[-1]
    said = answer(app, board, "call", "call 5550100")
    assert len(said) == 2
    for line in said:
        assert line.startswith("error this terminal is not provisioned")
    assert app.services.get("call").state == "idle"
    assert board.line.out == b"" or b"D" not in board.line.out


def test_a_provisioned_terminal_counts_its_boots():
    board = provisioned_board()
    for boot in (2, 3, 4):
        start(board)
        ready = "ready board=test version=%s formats=%d boot=%d terminal=%s"
        assert board.console.said[-1].endswith(ready % (VERSION, FORMATS, boot, b"terminal".hex()))


def test_a_damaged_keystore_is_reported_and_the_terminal_still_answers():
    app = None
    cases = (
        ("identity", "error record terminal-identity: neither slot opens", "boot=3 terminal=unprovisioned"),
        ("list", "error the keystore's list does not open", "boot=2147483651 terminal=" + b"terminal".hex()),
    )
    for name, error, ready in cases:
        board = provisioned_board()
        del app
        start(board)
        for path in board.FILES.files:
            if name in path:
                board.FILES.files[path] = b"\xff" * 40
        board.console.said = []
        app = start(board)
        assert error in board.console.said[0]
        assert board.console.said[1].endswith(ready)
        assert " damaged_slots=2 " in answer(app, board, "status")[0]
        no_secret_in(board)


def test_flash_that_refuses_writes_is_reported_at_the_start():
    board = provisioned_board()
    board.FILES.fails = True
    App(board)
    assert "error the flash refused" in board.console.said[0]


def test_commands_with_bad_arguments_get_a_line_and_nothing_stops():
    board = provisioned_board()
    app = start(board)
    assert answer(app, board, "provision " + "00" * 32)[0].startswith("provision-key ")
    bad = (
        "nonsense",
        "call 1 2 3",
        "call 1 2",
        "call --max-price",
        "call --max-price x",
        "call --max-price -1",
        "call --max-price 4294967296",
        "call --max-price %s" % ("9" * 5000),
        "call --max-price 1 --max-price 2",
        "call 5550100 --max-price 1 2",
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
        "provision",
        "provision zz",
        "provision-open",
        "provision-open %s first" % ("00" * 32),
        "provision-replace 123456",
        "provisional",
        "\u00e9\u00df\u4e2d",
        "x" * 600,
    )
    for line in bad:
        said = answer(app, board, line)
        assert len(said) == 1 and said[0].startswith("error "), (line, said)
    assert answer(app, board, "", "   ") == []
    assert answer(app, board, "status")[0].startswith("status call=idle")
    no_secret_in(board)


def test_the_highest_price_is_taken_on_either_side_of_the_number():
    for line, number, max_price in (
        ("call", NUMBER, None),
        ("call 123", "123", None),
        ("call --max-price 0", NUMBER, 0),
        ("call 123 --max-price 25", "123", 25),
        ("call --max-price 4294967295 123", "123", 4294967295),
    ):
        board = provisioned_board()
        app = start(board)
        assert answer(app, board, line)[0] == "dialling number=" + number
        assert app.services.get("call")._max_price == max_price
        del app


def test_the_price_on_air_is_told_before_the_terminal_dials():
    from settop.wire.offer import Offer, pack_offer

    board = provisioned_board()
    app = start(board)
    data = pack_offer(Offer(25, "EUR", "late night", 20))
    one = air.ca_descriptor()
    pmt = air.pmt(descriptors=one[:1] + bytes((one[1] + len(data),)) + one[2:] + data)
    told(app, board, air.section_packets(0, air.pat(((1, air.PMT_PID),)))[0] + air.section_packets(air.PMT_PID, pmt)[0])
    said = answer(app, board, "call")
    assert said[:2] == ["price portion=25 set_up=20 currency=EUR tariff=late night", "dialling number=" + NUMBER]


def test_status_names_version_formats_and_what_keeps_the_picture_dark():
    board = Board()
    app = start(board)
    told(app, board, tables(0, 8), 700)
    said = answer(app, board, "status")[0]
    assert said.endswith(" version=%s formats=%d wrong=0 cause=no_pat" % (VERSION, FORMATS))
    told(app, board, b"")
    assert answer(app, board, "status")[0].endswith(" cause=no_stream")


def test_what_keeps_the_picture_dark_is_said_in_a_call_once_and_outside_of_one_not_at_all():
    board = provisioned_board()
    app = start(board)
    assert told(app, board, b"", 3000) == []
    answer(app, board, "call")
    assert told(app, board, b"", 3000) == ["dark cause=no_stream the tuner brings no transport stream"]
    said = []
    for i in range(200):
        said += told(app, board, tables(2 * i, 2 * i + 2), 10)
    assert said == ["dark cause=no_pat the stream has no programme table (PAT)"]


def test_a_line_that_is_no_text_is_reported():
    board = provisioned_board()
    app = start(board)
    assert answer(app, board, UnicodeError("bad")) == ["error a command is plain ASCII"]


def test_provisioning_waits_for_the_end_of_a_call():
    board = provisioned_board()
    app = start(board)
    answer(app, board, "call")
    assert app.services.get("call").state == "dialling"
    assert answer(app, board, "provision " + "00" * 32) == ["error a call is under way: hang up first"]


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
    assert app.player.opener.descrambler.helper is None
    assert " cores=1 " in answer(app, board, "status")[0]
    del app
    board = Board()
    board.CORES = 2
    app = start(board)
    assert app.player.opener.descrambler.helper is not None
    assert " cores=2 " in answer(app, board, "status")[0]
    app.player.opener.descrambler.helper.ended = True
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

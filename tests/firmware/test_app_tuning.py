# on the pico: soak
"""The application's commands `programmes` and `tune`, and what it says of tables that are too large."""

import small_stream as air
from app_rig import Board, answer, start


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

# runtimes: cpython unix
"""Copies that are decrypted and encrypted again on their way to a player: for that one alone, wherever they are cut."""

from dock_rig import PLAYER, STRANGER
from docked_rig import Docked, bench_with_key, list_for, sound
from settop.wire import dock as wire
from title_vectors import CBCS, CENC, KEY
from titles_rig import licence_for

TITLES = {"cenc": CENC, "cbcs": CBCS}


def copy_of(bench, number=0):
    (data,) = bench.players[number].board.COPIES.files.values()
    return data


def test_a_copy_under_its_own_key_plays_and_is_not_the_terminal_s_file():
    for title in TITLES:
        bench = bench_with_key()
        bench.dock()
        bench.until("player_docked")
        said = bench.transfer(title, "own")
        assert said.startswith("transferred id=") and said.endswith("way=own name=" + title)
        copy = copy_of(bench)
        assert copy != TITLES[title] and len(copy) == len(TITLES[title])
        assert bench.play() == (sound(), "title_ended samples=7 damaged=0")


def test_the_title_s_own_key_does_not_open_it():
    bench = bench_with_key()
    bench.dock()
    bench.until("player_docked")
    bench.transfer("cenc", "own")
    bench.terminal.board.titles["copy"] = copy_of(bench)
    chip = bench.terminal.board.chip
    chip.data = bytearray()
    bench.ask("play copy", "title_ended", "title_failed")
    assert bytes(chip.data).rstrip(b"\x00") != sound()


def test_each_player_has_a_copy_of_its_own():
    bench = bench_with_key(PLAYER, STRANGER)
    bench.ask(list_for([(wire.MEMBER, PLAYER), (wire.MEMBER, STRANGER)], serial=2), "household")
    for number in range(2):
        bench.dock(number)
        bench.until("player_docked")
        assert bench.transfer("cbcs", "own").startswith("transferred")
        bench.pull()
        bench.until("player_lost")
    assert copy_of(bench, 0) != copy_of(bench, 1)
    for number in range(2):
        assert bench.play(number)[0] == sound()
    # One's file in the place of the other's.
    (name,) = bench.players[1].board.COPIES.files
    bench.players[1].board.COPIES.files[name] = copy_of(bench, 0)
    assert bench.play(1)[0] != sound()


def test_both_ways_of_one_title_lie_side_by_side():
    bench = bench_with_key()
    bench.dock()
    bench.until("player_docked")
    bench.transfer("cenc", "own")
    bench.transfer("cenc", "bought")
    assert len(bench.players[0].board.COPIES.files) == 2
    assert bench.play(0, 1)[0] == bench.play(0, 2)[0] == sound()


def test_a_copy_that_is_pulled_goes_on_and_comes_to_the_same():
    whole = bench_with_key()
    whole.dock()
    whole.until("player_docked")
    whole.transfer("cbcs", "own")
    for pulled in (300, 1700, len(CBCS) - 10):
        bench = bench_with_key()
        bench.dock()
        bench.until("player_docked")
        bench.terminal.board.console.lines.append("transfer cbcs own")
        files = bench.players[0].board.COPIES
        while not files.files or len(list(files.files.values())[0]) < pulled:  # noqa: RUF015
            bench.turn(1, 2)
        bench.pull()
        bench.terminal.start()  # without power, too
        bench.until("dock_left", heard=True)
        bench.dock()
        bench.until("player_docked")
        bench.terminal.board.console.lines.append("transfer cbcs own")
        assert int(bench.until("transferring").split("from=")[1]) >= pulled
        assert bench.until("transferred", "transfer_failed").startswith("transferred")
        assert copy_of(bench) == copy_of(whole) and bench.play()[0] == sound()


def test_what_cannot_go_this_way_is_refused_in_words():
    bench = bench_with_key()
    bench.dock()
    bench.until("player_docked")
    assert bench.transfer("clear", "own") == "transfer_failed the title is clear: it goes as bought"
    said = "transfer_failed every tenth octet is encrypted of MP3 alone, and this is mp4a.40.2"
    assert bench.transfer("cenc", "tenth") == said
    assert not bench.players[0].board.COPIES.files


def test_the_title_s_key_is_not_on_the_player():
    bench = bench_with_key()
    bench.dock()
    bench.until("player_docked")
    bench.transfer("cenc", "own")
    player = bench.players[0]
    (name,) = player.app.records("player").names()
    assert KEY not in player.app.records("player").load(name)
    bench.transfer("cenc", "bought")
    assert [KEY in player.app.records("player").load(name) for name in player.app.records("player").names()].count(
        True
    ) == 1


def test_a_transfer_without_memory_fails_and_the_next_one_goes():
    bench = bench_with_key()
    bench.dock()
    bench.until("player_docked")
    for name in ("start", "more"):
        bench.terminal.board.console.lines.append("transfer cenc own")
        while bench.terminal.service.phase != "asked":
            bench.turn(1, 2)

        def no_memory(argument):
            raise MemoryError()

        setattr(bench.terminal.service.transfer, name, no_memory)
        assert bench.until("transferred", "transfer_failed") == "transfer_failed there is no memory for it"
    assert bench.transfer("cenc", "own").startswith("transferred")


def test_a_title_whose_licence_goes_in_mid_transfer_is_told():
    bench = Docked()
    bench.ask(licence_for(), "licensed")
    bench.dock()
    bench.until("player_docked")
    bench.terminal.board.console.lines.append("transfer cenc own")
    bench.until("transferring")
    records = bench.terminal.app.records("titles")
    for name in records.names():
        records.delete(name)
    said = bench.until("transferred", "transfer_failed")
    assert said.startswith(("transfer_failed there is no key", "transferred"))
    bench.turn(50)
    assert bench.ask("copies", "copies", "error").startswith("copies count=")

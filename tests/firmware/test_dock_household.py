# runtimes: cpython unix
"""The household at the terminal (X15): who is docked, who is refused, and what becomes of one that has left."""

from dock_rig import PLAYER, STRANGER
from docked_rig import Docked, bench_with_key, list_for, sealed, sound
from settop.keystore.identity import Identity
from settop.wire import dock as wire

MEMBER, GONE = wire.MEMBER, wire.GONE
THIRD = Identity(b"player 3", bytes(range(0x80, 0xA0)))


def take(bench, players, **more):
    return bench.ask(list_for(players, **more), "household", "error")


def test_without_a_list_no_player_is_docked():
    bench = Docked(listed=False)
    bench.dock()
    said = bench.until("player_refused")
    assert said.endswith("this terminal has no household's list: get one from the shop")
    assert bench.ask("players", "error").startswith("error this terminal has no household's list")


def test_the_list_is_told_and_stays_over_a_restart():
    bench = Docked(listed=False)
    assert take(bench, [(MEMBER, PLAYER), (GONE, STRANGER)], serial=7) == (
        "household id=%s serial=7 players=1 most=2" % b"at home ".hex()
    )
    assert bench.until("household_player") == "household_player id=%s member" % PLAYER.terminal_id.hex()
    assert bench.until("household_player") == "household_player id=%s left" % STRANGER.terminal_id.hex()
    bench.terminal.start()
    bench.dock()
    bench.until("player_docked")
    bench.ask("players", "household")
    assert bench.until("household_player") == "household_player id=%s docked" % PLAYER.terminal_id.hex()


def test_a_member_more_than_there_may_be_is_refused():
    bench = bench_with_key(PLAYER, STRANGER, THIRD)
    take(bench, [(MEMBER, PLAYER), (MEMBER, STRANGER)], serial=2)
    for number in range(2):
        bench.dock(number)
        bench.until("player_docked")
        bench.pull()
        bench.until("player_lost")
    bench.dock(2)
    assert bench.until("player_refused") == (
        "player_refused id=%s it is not of this household, which has 2 of 2 players" % THIRD.terminal_id.hex()
    )
    bench.until("dock_refused", heard=True)
    bench.turn(1000)
    assert not [line for line in bench.said if line.startswith("player_")]  # told once
    assert bench.ask("transfer cenc bought " + THIRD.terminal_id.hex(), "error").endswith("is of this household")


def test_a_list_of_more_members_than_it_says_is_refused():
    """Whoever made it: the terminal counts for itself."""
    bench = Docked(listed=False)
    content = b"\x01\x01" + b"\x01" + PLAYER.terminal_id + bytes(16) + b"\x01" + STRANGER.terminal_id + bytes(16)
    assert bench.ask(sealed(content, 1), "error") == "error a household of 2 players, of which 1 may be"
    assert bench.ask("players", "error")


def test_one_that_has_left_loses_keys_and_copies_at_the_next_contact():
    bench = bench_with_key()
    bench.dock()
    bench.until("player_docked")
    bench.transfer("cenc")
    bench.transfer("cbcs", "own")
    bench.pull()
    bench.until("player_lost")
    take(bench, [(GONE, PLAYER)], serial=2)
    player = bench.players[0]
    assert bench.play()[0] == sound()  # until then
    del bench.heard[:]
    bench.dock()
    assert bench.until("player_left") == "player_left id=%s deleted=2" % PLAYER.terminal_id.hex()
    assert "keys_gone copies=2" in bench.heard
    assert not player.board.COPIES.files and not player.app.records("player").names()
    assert bench.ask("transfer cenc bought", "error") == "error no player is docked: say which one the copy is for"
    said = bench.ask("transfer cenc bought " + PLAYER.terminal_id.hex(), "error")
    assert said == "error player %s has left this household" % PLAYER.terminal_id.hex()


def test_files_and_records_that_are_put_back_afterwards_are_worthless():
    bench = bench_with_key()
    bench.dock()
    bench.until("player_docked")
    bench.transfer("cenc")
    board = bench.players[0].board
    files, copies = dict(board.FILES.files), dict(board.COPIES.files)
    take(bench, [(GONE, PLAYER)], serial=2)
    bench.until("player_left")
    bench.pull()
    board.FILES.files, board.COPIES.files = files, copies
    bench.players[0].start()
    assert bench.play()[0] == b""


def test_a_copy_s_record_that_alone_is_put_back_is_not_believed():
    bench = bench_with_key()
    bench.dock()
    bench.until("player_docked")
    bench.transfer("cenc")
    board = bench.players[0].board
    records = {path: data for path, data in board.FILES.files.items() if "player-" in path}
    copies = dict(board.COPIES.files)
    assert records
    take(bench, [(GONE, PLAYER)], serial=2)
    bench.until("player_left")
    bench.pull()
    board.FILES.files.update(records)
    board.COPIES.files = copies
    bench.players[0].start()
    assert bench.play()[0] == b""


def test_one_that_is_docked_when_the_list_comes_is_left_at_once():
    bench = bench_with_key()
    bench.dock()
    bench.until("player_docked")
    bench.transfer("cenc")
    take(bench, [(GONE, PLAYER)], serial=2)
    assert bench.until("player_left").endswith("deleted=1")


def test_one_that_leaves_in_mid_transfer_gets_no_more():
    bench = bench_with_key()
    bench.dock()
    bench.until("player_docked")
    bench.terminal.board.console.lines.append("transfer cenc bought")
    bench.until("transferring")
    bench.terminal.board.console.lines.append(list_for([(GONE, PLAYER)], serial=2))
    bench.until("player_left")
    assert not bench.players[0].board.COPIES.files
    bench.turn(300)
    assert not bench.players[0].app.records("player").names()


def test_one_that_comes_back_gets_copies_again():
    bench = bench_with_key()
    take(bench, [(GONE, PLAYER)], serial=2)
    bench.dock()
    bench.until("player_left")
    take(bench, [(MEMBER, PLAYER)], serial=3)
    bench.until("player_docked")
    assert bench.transfer("cenc").startswith("transferred") and bench.play()[0] == sound()


def test_a_player_of_another_household_now_deletes_the_first_one_s_copies():
    bench = bench_with_key()
    bench.dock()
    bench.until("player_docked")
    bench.transfer("cenc")
    take(bench, [(MEMBER, PLAYER)], serial=2, household_id=b"new home")
    assert bench.until("player_docked").endswith("deleted=1")
    assert not bench.players[0].board.COPIES.files
    assert bench.transfer("cenc").startswith("transferred")
    bench.pull()
    bench.until("player_lost")
    bench.dock()
    assert bench.until("player_docked").endswith("deleted=0")  # it is of this one


def test_an_older_list_and_the_same_again_are_refused_and_nothing_changes():
    bench = Docked(listed=False)
    take(bench, [(GONE, PLAYER)], serial=5)
    for serial in (5, 4):
        said = take(bench, [(MEMBER, PLAYER)], serial=serial)
        assert said == "error this household's list is not newer than the one that is here"
    assert take(bench, [(MEMBER, PLAYER)], serial=6).startswith("household ")


def test_an_older_list_that_is_put_back_in_flash_is_not_believed():
    bench = Docked(listed=False)
    take(bench, [(MEMBER, PLAYER)], serial=1)
    board = bench.terminal.board
    before = {path: data for path, data in board.FILES.files.items() if "dock-" in path}
    assert before
    take(bench, [(GONE, PLAYER)], serial=2)
    board.FILES.files.update(before)
    bench.terminal.start()
    bench.dock()
    bench.turn(300)
    assert not [line for line in bench.said if line.startswith("player_docked")]
    assert take(bench, [(MEMBER, PLAYER)], serial=3).startswith("household ")  # a newer one takes its place
    bench.until("player_docked")


def test_a_list_for_another_terminal_or_altered_is_refused():
    bench = Docked(listed=False)
    good = list_for([(MEMBER, PLAYER)])
    wrong = [list_for([(MEMBER, PLAYER)], identity=Identity(b"somebody", bytes(32)))]
    for at in (12, 30, 60, len(good) - 1):
        wrong.append(good[:at] + ("1" if good[at] == "0" else "0") + good[at + 1 :])
    for line in wrong:
        assert bench.ask(line, "household", "error") == (
            "error this household's list is for another terminal, or was altered on its way"
        )
    for line in ("household", "household 77", "household zz", good + "00"):
        assert bench.ask(line, "household", "error").startswith("error ")
    assert bench.ask(good, "household", "error").startswith("household ")


def test_no_pair_s_key_is_in_a_line_or_in_the_keystore_in_clear():
    from settop.dock.contact import pair_key

    bench = Docked()
    pair = bytes(pair_key(PLAYER.device_key, PLAYER.terminal_id, b"terminal"))
    bench.dock()
    bench.until("player_docked")
    for data in bench.terminal.board.FILES.files.values():
        assert pair not in data
    for line in bench.said + bench.heard:
        assert pair.hex() not in line

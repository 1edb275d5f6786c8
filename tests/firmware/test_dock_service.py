# runtimes: cpython unix
"""Device manager and portable player as services: what is transferred plays on the player that it is for, and nowhere
else."""

from dock_rig import PLAYER, STRANGER
from docked_rig import Docked, bench_with_key, list_for, sound
from settop.keystore.identity import Identity
from settop.wire import dock as wire
from title_vectors import CENC, CLEAR, KEY, KID

MEMBER, GONE = wire.MEMBER, wire.GONE


def test_a_player_of_the_household_is_told_of_when_it_is_docked_and_when_it_is_gone():
    bench = Docked()
    bench.dock()
    said = bench.until("player_docked")
    assert said.startswith("player_docked id=%s copies=0 free=" % PLAYER.terminal_id.hex())
    assert said.endswith(" ways=bought,own,tenth deleted=0")
    assert bench.until("dock_met", heard=True) == "dock_met terminal=" + b"terminal".hex()
    bench.pull()
    assert bench.until("player_lost") == "player_lost id=" + PLAYER.terminal_id.hex()
    bench.until("dock_left", heard=True)


def test_a_title_as_bought_plays_on_the_player_as_on_the_terminal():
    for title in ("cenc", "cbcs"):
        bench = bench_with_key()
        bench.dock()
        bench.until("player_docked")
        said = bench.transfer(title)
        assert said.startswith("transferred id=") and said.endswith("way=bought name=" + title)
        (data,) = bench.players[0].board.COPIES.files.values()
        assert data == bench.terminal.board.titles[title]
        played, ended = bench.play()
        assert ended == "title_ended samples=7 damaged=0" and played == sound()


def test_it_plays_after_a_restart_and_without_the_terminal():
    bench = bench_with_key()
    bench.dock()
    bench.until("player_docked")
    bench.transfer()
    bench.pull()
    bench.players[0].start()
    assert bench.play()[0] == sound()


def test_a_clear_title_goes_without_a_key():
    bench = Docked()
    bench.dock()
    bench.until("player_docked")
    assert bench.transfer("clear").startswith("transferred")
    assert bench.play()[0] == sound()


def test_a_title_without_its_key_is_not_begun():
    bench = Docked()
    bench.dock()
    bench.until("player_docked")
    assert bench.transfer() == "transfer_failed there is no key %s on this terminal" % KID.hex()
    assert not bench.players[0].board.COPIES.files


def test_another_player_cannot_play_the_copy_with_its_file_and_its_records():
    bench = bench_with_key(PLAYER, STRANGER)
    bench.dock()
    bench.until("player_docked")
    bench.transfer()
    one, other = bench.players
    other.board.COPIES.files = dict(one.board.COPIES.files)
    other.start()
    assert bench.tell("copies", "copies", number=1).startswith("copies count=0")
    for path, data in one.board.FILES.files.items():
        if "player" in path:
            other.board.FILES.files[path] = data
    other.start()
    played, said = bench.play(1)
    assert played == b"" and said.startswith("error ")
    assert bench.play(0)[0] == sound()


def test_the_key_is_in_no_line_no_file_and_not_on_the_cable():
    bench = bench_with_key()
    seen = []
    bench.dock()
    cable = bench.terminal.board.wire
    write = cable.write

    def watch(octets):
        seen.append(bytes(octets))
        return write(octets)

    cable.write = watch
    bench.until("player_docked")
    bench.transfer()
    assert CENC[:64] in b"".join(seen)  # what the cable carries is the copy
    board = bench.players[0].board
    for data in list(board.FILES.files.values()) + list(board.COPIES.files.values()) + seen:
        for at in range(len(KEY) - 7):
            assert KEY[at : at + 8] not in data


def test_copies_are_listed_on_both_ends_and_removed():
    bench = bench_with_key()
    bench.dock()
    bench.until("player_docked")
    bench.transfer("cenc")
    bench.transfer("cbcs")
    said = bench.ask("copies", "copy")
    first = said.split(" ")[1][3:]
    bench.until("copy")
    assert bench.until("copies") == "copies count=2"
    assert bench.tell("copies", "copies").startswith("copies count=2 free=")
    assert bench.ask("remove " + first, "removed", "error") == "removed"
    assert bench.ask("copies", "copies") == "copies count=1"
    assert len(bench.players[0].board.COPIES.files) == 1
    assert bench.ask("remove " + first, "removed", "error") == "error the player has no such copy"
    assert bench.play()[0] == sound()


def test_the_same_title_again_is_there_already():
    bench = bench_with_key()
    bench.dock()
    bench.until("player_docked")
    bench.transfer()
    assert bench.transfer() == "transfer_failed the player has it already"
    assert bench.play()[0] == sound()


def test_a_player_without_room_keeps_what_it_has():
    bench = bench_with_key()
    bench.dock()
    bench.until("player_docked")
    bench.transfer("cenc")
    files = bench.players[0].board.COPIES
    before = dict(files.files)
    files.room = len(CENC) + 17000
    assert bench.transfer("cbcs") == "transfer_failed there is no room for it on the player"
    assert files.files == before and bench.play()[0] == sound()


def test_a_flash_that_fills_up_on_the_way_is_told_and_nothing_is_lost():
    bench = bench_with_key()
    bench.dock()
    bench.until("player_docked")
    bench.transfer("cenc")
    files = bench.players[0].board.COPIES

    def append(octets):
        raise OSError(28)

    files.append, append = append, files.append
    assert bench.transfer("cbcs") == "transfer_failed the player's flash refuses"
    files.append = append
    assert len(files.files) == 1 and bench.play()[0] == sound()
    assert bench.transfer("cbcs").startswith("transferred")


def test_a_player_pulled_at_every_kind_of_place_goes_on_where_it_was():
    for pulled in (0, 1, 100, 512, 1300, len(CENC) - 1, len(CENC)):
        bench = bench_with_key()
        bench.dock()
        bench.until("player_docked")
        bench.terminal.board.console.lines.append("transfer cenc bought")
        files = bench.players[0].board.COPIES
        for _ in range(3000):
            bench.turn(1, 2)
            if files.files and len(list(files.files.values())[0]) >= pulled:  # noqa: RUF015
                break
        bench.pull()
        bench.until("transfer_waits")
        bench.until("dock_left", heard=True)
        bench.dock()
        bench.until("player_docked")
        said = bench.until("transferring")
        assert int(said.split("from=")[1]) >= min(pulled, len(CENC)), said
        assert bench.until("transferred", "transfer_failed").startswith("transferred"), pulled
        assert bench.play()[0] == sound()


def test_a_player_pulled_behind_the_last_octet_has_the_copy_or_gets_it():
    bench = bench_with_key()
    bench.dock()
    bench.until("player_docked")
    bench.terminal.board.console.lines.append("transfer cenc bought")
    bench.until("copied", heard=True)
    # The word of it does not arrive any more.
    bench.terminal.board.wire.coming = b""
    bench.pull()
    bench.until("transfer_waits", "transferred")
    bench.until("dock_left", heard=True)
    bench.dock()
    assert bench.until("transferred", "transfer_failed") == "transfer_failed the player has it already"
    assert bench.play()[0] == sound()


def bench_in_mid_transfer():
    """(bench, the player's files): some of a copy has come."""
    bench = bench_with_key()
    bench.dock()
    bench.until("player_docked")
    bench.terminal.board.console.lines.append("transfer cenc bought")
    files = bench.players[0].board.COPIES
    while not files.files or len(list(files.files.values())[0]) < 600:  # noqa: RUF015
        bench.turn(1, 2)
    return bench, files


def test_a_terminal_that_starts_again_goes_on_with_the_copy_it_began():
    bench, _ = bench_in_mid_transfer()
    bench.pull()
    bench.terminal.start()
    bench.until("dock_left", heard=True)
    bench.dock()
    bench.until("player_docked")
    bench.terminal.board.console.lines.append("transfer cenc bought")
    assert int(bench.until("transferring").split("from=")[1]) >= 600
    bench.until("transferred")
    assert bench.play()[0] == sound()


def test_another_title_in_between_takes_the_place_of_one_that_was_cut():
    bench, files = bench_in_mid_transfer()
    assert bench.ask("transfer stop", "transfer_failed") == "transfer_failed it was stopped"
    assert bench.transfer("cbcs").startswith("transferred")
    assert len(files.files) == 1 and bench.play()[0] == sound()


def test_a_copy_that_was_changed_in_the_player_s_flash_is_not_taken():
    bench, files = bench_in_mid_transfer()
    (name,) = files.files
    files.files[name] = b"!" + files.files[name][1:]
    assert bench.until("transferred", "transfer_failed") == "transfer_failed it did not come as it was sent"
    assert not files.files
    assert bench.transfer().startswith("transferred")


def test_a_weak_player_says_which_ways_it_plays():
    bench = bench_with_key()
    bench.players[0].board.WAYS = ("tenth",)
    bench.dock()
    assert " ways=tenth " in bench.until("player_docked")
    assert bench.transfer() == "transfer_failed the player does not play copies of the way bought"


def test_a_transfer_for_a_player_that_is_not_here_waits_for_it():
    bench = bench_with_key()
    said = bench.ask("transfer cenc bought " + PLAYER.terminal_id.hex(), "transfer_waits", "error")
    assert said == "transfer_waits for player " + PLAYER.terminal_id.hex()
    assert bench.terminal.service.busy
    bench.dock()
    bench.until("transferred")
    assert bench.play()[0] == sound()


def test_commands_that_cannot_be_are_refused_in_words():
    bench = Docked()
    for line, text in (
        ("transfer", "transfer takes PATH WAY"),
        ("transfer cenc whole", "transfer takes PATH WAY"),
        ("transfer cenc bought", "no player is docked"),
        ("transfer cenc bought 77", "the id of a player has 16 hex digits"),
        ("transfer cenc bought " + "77" * 8, "no player 7777777777777777 is of this household"),
        ("transfer stop", "no title is being transferred"),
        ("transfer nothing bought " + PLAYER.terminal_id.hex(), "there is no title nothing here"),
        ("copies", "no player is docked"),
        ("remove 0011223344556677", "no player is docked"),
        ("remove zz", "the id of a copy has 16 hex digits"),
        ("players now", "players and copies take nothing"),
    ):
        assert bench.ask(line, "error").startswith("error " + text), line
    for line in ("hear", "hear 1", "hear x", "copies 1"):
        assert bench.tell(line, "error") == "error copies takes nothing, hear a copy's number or id: there are 0"


def test_what_is_no_title_is_not_transferred():
    bench = bench_with_key()
    bench.terminal.board.titles.update({"noise": bytes(range(256)) * 4, "empty": b"", "cut": CLEAR[:500]})
    bench.dock()
    bench.until("player_docked")
    for title in ("noise", "empty", "cut"):
        assert bench.transfer(title).startswith("transfer_failed "), title
    assert not bench.players[0].board.COPIES.files
    assert bench.transfer("cenc").startswith("transferred")


def test_what_a_provisioning_changes_counts_from_then_on():
    bench = Docked(None)
    bench.dock()
    bench.until("player_refused")
    bench.players[0].app._identity = PLAYER
    bench.until("player_docked")
    bench.players[0].app._identity = STRANGER
    bench.until("player_lost")
    assert bench.until("player_refused").startswith("player_refused id=" + STRANGER.terminal_id.hex())
    bench.terminal.app._identity = Identity(b"terminal", bytes(32))
    said = bench.ask("transfer cenc bought " + PLAYER.terminal_id.hex(), "error")
    assert said == "error this household's list is for another terminal, or was altered on its way"


def test_a_terminal_and_a_player_without_identities_say_so():
    bench = Docked(None)
    bench.dock()
    assert bench.until("player_refused") == "player_refused id=none it has no identity, or one that does not open"
    assert list_for([(MEMBER, Identity(b"player 1", bytes(32)))]).startswith("household ")

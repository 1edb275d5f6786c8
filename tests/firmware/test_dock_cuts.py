# runtimes: cpython unix
"""The player's power goes at any octet of a transfer: what it had it has, and the copy is there whole or goes on."""

import sys

from dock_rig import PLAYER
from docked_rig import PowerCut, bench_with_key, list_for, sound
from settop.wire import dock as wire

MADE = [0]
CUTS = 24 if sys.implementation.name == "cpython" else 2  # at about so many places


def transferring(way="bought"):
    """A player that has a copy already, and gets another one."""
    bench = bench_with_key()
    bench.dock()
    bench.until("player_docked")
    bench.transfer("cbcs")
    bench.terminal.board.console.lines.append("transfer cenc " + way)
    return bench


def whole(bench, *events):
    """Until one of the events; how many steps the player's flash took."""
    power = bench.players[0].board.power
    before = power.taken
    bench.until(*events)
    return power.taken - before


def cut(make, at, *events):
    """A bench whose player was without power after so many steps; started again, and docked."""
    bench = make()
    player = bench.players[0]
    counted = player.board.counted
    player.board.power.left = at
    try:
        bench.until(*events)
    except PowerCut:
        pass
    bench.pull()
    counted, before = player.board.counted, counted
    assert counted >= before
    player.start()
    assert player.board.counted > counted
    MADE[0] += 1
    return bench


def told(before):
    print("%d power cuts" % (MADE[0] - before))


def names(bench):
    bench.tell("copies", "copies")
    return bench.players[0].app.records("player").names()


def test_a_transfer_leaves_old_or_new_wherever_it_is_cut():
    before = MADE[0]
    for way in ("bought", "own"):
        steps = whole(transferring(way), "transferred")
        seen = set()
        for at in range(steps - 1, 0, -max(1, steps // CUTS)):
            bench = cut(lambda: transferring(way), at, "transferred")  # noqa: B023
            there = names(bench)
            assert len(there) in (1, 2), at
            seen.add(len(there))
            for number in range(len(there)):
                assert bench.play(0, number + 1) == (sound(), "title_ended samples=7 damaged=0"), at
            bench.dock()
            said = bench.until("transferred", "transfer_failed")
            assert said.startswith("transferred") or said.endswith("has it already"), (at, said)
            assert len(names(bench)) == 2 and len(bench.players[0].board.COPIES.files) == 2
            assert bench.play(0, 1)[0] == bench.play(0, 2)[0] == sound()
        assert 1 in seen
    told(before)


def test_the_terminals_power_goes_at_any_turn_of_a_transfer():
    """It keeps nothing of a copy that is on its way: asked again, it goes on where the player is."""
    before = MADE[0]
    for way in ("bought", "own"):
        bench = transferring(way)
        turns = 0
        while not [line for line in bench.said if line.startswith("transferred")]:
            bench.turn()
            turns += 1
        begun = 0
        for at in range(1, turns, max(1, turns // CUTS)):
            bench = transferring(way)
            bench.turn(at)
            bench.pull()
            bench.terminal.start()
            MADE[0] += 1
            there = names(bench)
            assert len(there) in (1, 2), at
            on_its_way = len(bench.players[0].board.COPIES.files) - len(there)
            begun += on_its_way
            bench.dock()
            bench.until("player_docked")
            said = bench.transfer("cenc", way)
            assert said.startswith("transferred") or said.endswith("has it already"), (at, said)
            assert len(names(bench)) == 2 and len(bench.players[0].board.COPIES.files) == 2, at
            assert bench.play(0, 1)[0] == bench.play(0, 2)[0] == sound()
        assert begun
    told(before)


def test_a_copy_is_removed_or_there_wherever_that_is_cut():
    def removing():
        bench = bench_with_key()
        bench.dock()
        bench.until("player_docked")
        bench.transfer("cenc")
        bench.terminal.board.console.lines.append("remove " + names(bench)[0])
        return bench

    before = MADE[0]
    steps = whole(removing(), "removed")
    for at in range(0, steps, max(1, steps // CUTS)):
        bench = cut(removing, at, "removed")
        if names(bench):
            assert bench.play()[0] == sound(), at
        bench.dock()
        bench.until("player_docked")
        assert bench.transfer("cenc").startswith("transfer")
        assert bench.play()[0] == sound()
    told(before)


def test_one_that_has_left_deletes_all_however_often_it_is_cut():
    def leaving():
        bench = bench_with_key()
        bench.dock()
        bench.until("player_docked")
        bench.transfer("cenc")
        bench.transfer("cbcs", "own")
        bench.terminal.board.console.lines.append(list_for([(wire.GONE, PLAYER)], serial=2))
        return bench

    before = MADE[0]
    steps = whole(leaving(), "player_left")
    for at in range(0, steps, max(1, steps // CUTS)):
        bench = cut(leaving, at, "player_left")
        bench.dock()
        said = bench.until("player_left")
        assert said.startswith("player_left id=%s deleted=" % PLAYER.terminal_id.hex())
        assert not names(bench) and not bench.players[0].board.COPIES.files, at
    told(before)

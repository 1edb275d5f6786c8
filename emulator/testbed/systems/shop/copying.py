"""The part of the story with portable players: a terminal with a dock makes copies of the title by each of three ways
for a player of the household."""

from headend.titles.terminal_licence import licence_line
from settop.wire import household

from testbed.line.dock import pull_out
from testbed.systems.shop.scene import NOTHING, Scene

WAYS = ("bought", "own", "tenth")


def make_copies(scene: Scene, ways: tuple[str, ...] = WAYS) -> bytes:
    """Makes "bedroom", a terminal with a dock and the title's file, and "player"; both are off behind it.
    What went through the dock before a copy whose frames are not all encrypted.

    On the way somebody who has the file alone tries to play it there.
    """
    bench, shop, sent = scene.bench, scene.shop, b""
    right = shop.right(scene.user, scene.title)
    bench.manager("bedroom", {"song": bench.shelf.copy_of(shop.engine, right, scene.user).read_bytes()})
    bench.player("player")
    bench.put_on("bedroom")
    own = bench.identities["bedroom"]
    scene.play("bedroom", "play song")
    got = f"sound, {len(scene.heard('bedroom'))} times" if scene.heard("bedroom") else NOTHING
    bench.say("bedroom", licence_line(own.device_key, own.terminal_id, right.kid, right.key), "licensed", "error")
    ended = scene.play("bedroom", "play song")
    sounds = len(scene.heard("bedroom"))
    control = f"with its licence: {sounds} of 1 heard"
    controlled = ended.name == "title_ended" and sounds == 1
    scene.tried("who has the title's file on a terminal without its key", "plays it", 1, got, control, controlled)
    shop.join_player(scene.user, bench.identities["player"].terminal_id, bench.now_ms())
    blob = shop.household_list(scene.user, own.terminal_id)
    bench.say("bedroom", household.pack_command(blob), "household", "error")
    bench.put_on("player")
    scene.expect("a player of the household is docked", bench.dock("bedroom", "player"), "player_docked")
    for number, way in enumerate(ways, 1):
        scene.progress(f"a copy by the way {way}")
        station = bench.stations["player"]
        before = len(station.console)
        ended = bench.say("bedroom", f"transfer song {way}", "transferred", "transfer_failed", "error")
        scene.expect(f"a copy by the way {way}", ended, "transferred")
        copied = bench.until(station, "copied", after=before)
        scene.seen.copies.append((way, int(copied.value("octets") or 0)))
        if way != "tenth":  # nine of ten octets of that are there to be read, as it is meant
            sent = through_docks(scene)
        scene.hear("player", f"hear {number}")
    bench.put_off("bedroom", "player")
    pull_out(bench.docks["bedroom"])
    return sent


def through_docks(scene: Scene) -> bytes:
    """What all ends of docks sent so far."""
    return b"".join(bytes(end.sent) for end in scene.bench.docks.values())

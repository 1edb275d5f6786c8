"""Adversaries who have the devices in their hands: what lies in flash is taken out, copied, put back.

What is read back after each of these is what they put there, so that none fails for want of a copy.
"""

import secrets

from settop.errors import LocalError
from settop.wire import household

from testbed.line.dock import pull_out
from testbed.systems.shop.flash import BLANK, ROOTS, Stored, put, taken
from testbed.systems.shop.scene import NOTHING, Scene

_COPIES, _RECORDS = "player", "keys/player-"
ROLLED_BACK = "roll-back"
"""What a terminal's error says of a keystore that is older than its counter."""
MADE_FOR = "on the player that they were made for"


class Thief:
    """Has "player" with its copies and "bedroom", the terminal that made them, which are both off; "stranger" is made
    for him. First he `tries_copies`, then he `rolls_back` and `clones`.
    """

    def __init__(self, scene: Scene) -> None:
        self._scene, self._bench = scene, scene.bench
        self._stolen = taken(scene.bench.stations["player"].machine)
        if not self._stolen.under(_COPIES):
            raise LocalError("there is nothing to be stolen: the player has no copy")
        self._old = taken(scene.bench.stations["bedroom"].machine)
        self._control, self._controlled, self._hers = "", False, ""

    def tries_copies(self) -> None:
        """The very copies and their records, beside what another player has; and that player in the dock."""
        scene, bench = self._scene, self._bench
        bench.player("stranger")
        neighbour = scene.shop.register_user(f"eve-{secrets.token_hex(6)}", secrets.token_urlsafe(12), bench.now_ms())
        scene.shop.join_player(neighbour, bench.identities["stranger"].terminal_id, bench.now_ms())
        machine = bench.stations["stranger"].machine
        own, copies = taken(machine), self._stolen.under(_COPIES)
        records = {path: octets for path, octets in self._stolen.files.items() if path.startswith(_RECORDS)}
        self._replace("stranger", Stored({**own.files, **copies, **records}, own.vault))
        self._replace("player", self._stolen)
        self._replace("bedroom", self._old)
        bench.put_on("player")
        scene.play("player", "hear 1")
        sounds = len(scene.heard("player")) - len(copies)  # each of them was heard when it was made
        self._control, self._controlled = f"{MADE_FOR}: {sounds} of 1 heard", sounds == 1
        bench.put_on("bedroom", "stranger")
        self._plays("another household's player, with the very copies and their records", copies)
        refused = bench.dock("bedroom", "stranger")
        bench.put_off("stranger")
        self._hers = bench.dock("bedroom", "player").name
        got = NOTHING if refused.name == "player_refused" else refused.name
        who, controlled = "that player, in the dock of her terminal", self._hers == "player_docked"
        scene.tried(who, "is docked", 1, got, f"her own: {self._hers}", controlled)

    def rolls_back(self) -> None:
        """The terminal's keystore of before a player left its household is put back."""
        scene, bench = self._scene, self._bench
        bedroom = bench.stations["bedroom"]
        before = len(bedroom.console)
        scene.shop.leave_player(scene.user, bench.identities["player"].terminal_id, bench.now_ms())
        blob = scene.shop.household_list(scene.user, bench.identities["bedroom"].terminal_id)
        bench.say("bedroom", household.pack_command(blob), "household", "error")
        left = bench.until(bedroom, "player_left", "error", after=before)
        scene.expect("the player leaves, and loses its copies' keys", left, "player_left")
        bench.put_off("bedroom")
        pull_out(bench.docks["bedroom"])
        self._replace("bedroom", Stored(self._old.files, taken(bedroom.machine).vault))
        wrong = bench.put_on("bedroom")
        docked = bench.dock("bedroom", "player")
        copied = bench.say("bedroom", "transfer song bought", "transferred", "transfer_failed", "transferring", "error")
        got = [] if any(ROLLED_BACK in text for text in wrong) else ["a keystore that is believed"]
        got += [] if docked.name == "player_refused" else [docked.name]
        got += [] if copied.name in ("error", "transfer_failed") else ["a copy"]
        scene.mark("bedroom", f"an older keystore: {'; '.join(wrong) or 'nothing is said'}")
        who = "who puts a terminal's older keystore back, of before a player left"
        control = f"put back where nothing was counted since: {self._hers}"
        what, controlled = "docks that player, and copies", self._hers == "player_docked"
        scene.tried(who, what, 2, ", ".join(got) or NOTHING, control, controlled)
        bench.put_off("bedroom", "player")

    def clones(self) -> None:
        """The player's whole keystore and its copies, octet by octet, in place of the stranger's."""
        machine = self._bench.stations["stranger"].machine
        who = "another player with the whole keystore, octet by octet"
        self._clones(who, Stored(self._stolen.files, taken(machine).vault))
        who += ", lock key and counter too"
        if machine.name == "unix":
            why = "a unix process has no device id of its own, so there is nothing that could tell the two apart"
            self._scene.seen.left_out.append((who, why))
        else:
            self._clones(who, self._stolen)

    def _clones(self, who: str, stored: Stored) -> None:
        self._replace("stranger", stored)
        self._bench.put_on("stranger")
        self._plays(who, stored.under(_COPIES))
        self._bench.put_off("stranger")

    def _plays(self, who: str, copies: dict[str, bytes]) -> None:
        """A row: what came out of the stranger's chip when it was told to play each copy, as one and as a title."""
        scene = self._scene
        before = len(scene.heard("stranger"))
        lines = [f"hear {number}" for number in range(1, len(copies) + 1)] + [f"play {path}" for path in sorted(copies)]
        for line in lines:
            scene.play("stranger", line)
        sounds = len(scene.heard("stranger")) - before
        there = taken(self._bench.stations["stranger"].machine).under(_COPIES) == copies
        got = f"sound, {sounds} times" if sounds else NOTHING
        scene.tried(who, "plays the copies", len(lines) * there, got, self._control, self._controlled)

    def _replace(self, name: str, stored: Stored) -> None:
        """Wiped, and then this put there. LocalError: it is not there then."""
        machine = self._bench.stations[name].machine
        put(machine, BLANK)
        if any(taken(machine).under(root) for root in ROOTS):
            raise LocalError(f"{name} was not wiped")
        put(machine, stored)
        if taken(machine) != stored:
            raise LocalError(f"what was put into {name} is not there")

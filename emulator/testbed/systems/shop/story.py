"""The story of `ringcast shop demo`: an account, a card, a purchase, a download, playback; copies for a player; her
terminal, wiped, gets everything again; and what those get who ought to get nothing."""

import secrets
import tempfile
from pathlib import Path

from headend.accounts.master_key import MasterKey
from headend.shop.core import Shop
from headend.shop.delivering import Shelf

from testbed.scenario.sounds.tune import RATE, decoded, melody, write_tune
from testbed.systems.shop import adversaries, card_thieves, listeners, thieves
from testbed.systems.shop.bench import DAY_MS, ShopBench
from testbed.systems.shop.copying import WAYS, make_copies, through_docks
from testbed.systems.shop.flash import BLANK, everything, put
from testbed.systems.shop.front import add_song
from testbed.systems.shop.scene import NOTHING, Scene, Seen
from testbed.terminals import Progress

UNITS, PRICE = 100, 30
SECONDS = 1.0
ALIKE = 0.95
"""Of a title's samples so many are those of the clear file, to the bit."""
HEARD = (("living", 2), ("bedroom", 1), ("player", len(WAYS) + 1), ("stranger", 0))
"""How often the song is heard where: bought and restored; with its licence; each copy, one of them put back; never."""


def play(
    runtime: str,
    seed: int,
    shop: Shop,
    master_key: MasterKey,
    out: Path,
    progress: Progress,
) -> Seen:
    """Plays it; WAVs go to `out`. Raises LocalError, RemoteError, OSError, RuntimeUnavailable."""
    with tempfile.TemporaryDirectory(prefix="ringcast-shop-") as folder:
        source = Path(folder) / "song.mp3"
        write_tune(source, "mp3", melody(seed, SECONDS, RATE), 64_000, RATE)
        seen = Seen(runtime, seed, decoded(source))
        progress("making the machines: a terminal with a network first")
        bench = ShopBench(runtime, shop, Shelf(Path(folder) / "shelf"), master_key, seed, progress)
        try:
            title = add_song(shop, bench.shelf, source, "A Song", PRICE, bench.now_ms())
            _Story(Scene(bench, seen, source, title, progress)).tell()
            seen.end_ms = bench.world.now_ms
            for name in seen.heard:
                bench.sound(name).write_wav(out / f"heard-{name}.wav", bench.begin_ns)
                seen.sounds[name] = bench.sound(name).heard(bench.begin_ns)
        finally:
            bench.close()
    return seen


class _Story:
    def __init__(self, scene: Scene) -> None:
        self._scene, self._bench, self._shop, self._seen = scene, scene.bench, scene.shop, scene.seen
        scene.login, scene.password = f"ann-{secrets.token_hex(6)}", secrets.token_urlsafe(12)
        self._known = listeners.Known()
        self._scrambled = b""
        self._replayer = adversaries.Replayer(scene)

    def tell(self) -> None:
        """All of it."""
        for what, step in (
            ("an account, a card, a purchase, a download", self._buys),
            ("a month later the communication key is renewed", self._renews),
            ("a terminal with a dock, and a portable player", self._copies),
            ("copies and keystores in the wrong hands", self._steals),
            ("her terminal is wiped, and gets everything again", self._restores),
            ("who listens, repeats, forges and guesses", self._attacks),
        ):
            self._scene.progress(what)
            self._scene.mark("bench", what)
            step()
        self._judge()

    # --- the viewer -----------------------------------------------------------------------------------------------

    def _buys(self) -> None:
        scene, bench = self._scene, self._bench
        scene.card = self._shop.new_card(UNITS, bench.now_ms())
        bench.terminal("living")
        scene.expect("a card is credited before there is an account", scene.ask("living", f"redeem {scene.card}"))
        words = f"register {scene.login} {scene.password}"
        scene.expect("an account", scene.ask("living", words))
        self._known.add("the password", scene.password.encode())
        self._known.add("the card's number", scene.card.encode())
        self._known.plain += [words.encode(), scene.card.encode()]  # what she typed
        scene.user = self._shop.sign_in(scene.login, scene.password, bench.now_ms())
        self._balance("the card")
        scene.expect("the catalogue", scene.ask("living", "list"))
        scene.expect("the title is bought", scene.ask("living", f"buy {scene.title} {PRICE}"))
        self._balance("the purchase")
        scene.expect("it is downloaded", scene.ask("living", f"download {scene.title}"))
        scene.hear("living", f"shop play {scene.title}")
        self._learn("living")
        self._replayer.sends_again()

    def _renews(self) -> None:
        scene, bench = self._scene, self._bench
        (client,) = self._shop.clients_of(scene.user)
        (old,) = self._shop.client_keys(client)
        bench.later_ms += 31 * DAY_MS
        station = bench.stations["living"]
        before = len(station.console)
        scene.ask("living", "balance")
        bench.until(station, "shop_renewed", "shop_failed", "error", after=before)
        scene.expect("the next word opens the channel by the new key", scene.ask("living", "balance"))
        self._learn("living")
        bench.put_off("living")
        self._replayer.sends_again()
        new = self._shop.client_keys(client)[-1]
        adversaries.old_key(scene, "who has the communication key of before its renewal", old, new)

    def _copies(self) -> None:
        self._scrambled = make_copies(self._scene)
        self._learn("bedroom", "player")

    def _restores(self) -> None:
        scene, bench = self._scene, self._bench
        (lost,) = self._shop.clients_of(scene.user)
        (key,) = self._shop.client_keys(lost)
        control = adversaries.opens(scene, key)
        self._shop.remove_client(scene.user, lost, bench.now_ms())
        adversaries.old_key(scene, "who has the key of a client that was removed", key, None, control)
        booked = len(self._shop.transactions(scene.user))
        put(bench.stations["living"].machine, BLANK)
        bench.give_identity("living")
        bench.enter("living")
        nothing = bench.say("living", f"shop play {scene.title}", "title_ended", "title_dark", "title_failed", "error")
        scene.expect("nothing is on the terminal that was wiped", nothing, "error")
        scene.expect("she signs in on it", scene.ask("living", f"login {scene.login} {scene.password}"))
        restored = scene.ask("living", "restore")
        scene.expect("every key comes again", restored)
        scene.expect("and the title", scene.ask("living", f"download {scene.title}"))
        scene.hear("living", f"shop play {scene.title}")
        self._balance("the restoration")
        self._learn("living")
        bench.put_off("living")
        more = len(self._shop.transactions(scene.user)) - booked
        who, what = "the shop, of her own terminal that was wiped", "units again, for what she has"
        keys, songs = restored.value("count"), len(scene.heard("living")) - 1
        control = f"what came again: {keys} of 1 keys, the song {songs} of 1 times"
        came = keys == "1" and songs == 1
        paid = self._seen.balances[-2][1] - self._seen.balances[-1][1]
        scene.tried(who, what, 1, f"{paid} units, {more} bookings" if more or paid else NOTHING, control, came)

    # --- the others -------------------------------------------------------------------------------------------------

    def _steals(self) -> None:
        thief = thieves.Thief(self._scene)
        thief.tries_copies()
        thief.rolls_back()
        thief.clones()

    def _attacks(self) -> None:
        scene = self._scene
        bob = adversaries.Bob(scene)
        self._replayer.sends_again()
        self._replayer.row()
        adversaries.alters(scene, bob)
        adversaries.notices(scene, bob)
        card_thieves.mistypes(scene, bob)
        card_thieves.guesses(scene, bob)
        card_thieves.uses_again(scene, bob)
        card_thieves.races(scene)
        self._balance("everything")
        front, stations = self._bench.front, self._bench.stations.values()
        network = b"".join(message + answer for message, answer in front.carried)
        copies = b"".join(front.copies)
        for who, octets in (
            ("who listens on the network", network),
            ("who has the copies that were downloaded", copies),
            ("who listens on the dock's cable", through_docks(scene)),
            ("who has a copy of the shop's database", listeners.database(scene)[0]),
            ("who reads every flash out", b"".join(everything(station.machine) for station in stations)),
        ):
            listeners.search(scene, self._known, who, octets)
        listeners.search_clear(scene, "who has the copies that were downloaded", copies)
        listeners.search_clear(scene, "who listens on the dock's cable", self._scrambled)

    # --- inside -----------------------------------------------------------------------------------------------------

    def _judge(self) -> None:
        seen = self._seen
        wanted = [
            ("the card", UNITS),
            ("the purchase", UNITS - PRICE),
            ("the restoration", UNITS - PRICE),
            ("everything", UNITS - PRICE),
        ]
        seen.check("the balance is right to the unit", seen.balances == wanted, _told(seen.balances))
        wrong = self._shop.audit()
        seen.check("the shop's books are right", not wrong, "; ".join(wrong) or "as they should be")
        for name, count in HEARD:
            heard = seen.heard[name] = self._scene.heard(name)
            alike = [one for one in heard if one.title == "song" and one.equal >= ALIKE]
            shown = ", ".join(f"{100 * one.equal:.2f} %" for one in heard) or "silence"
            held = len(alike) == len(heard) == count
            seen.check(f"{name}: the song {count} times, as FFmpeg decodes it", held, shown)
        for one in seen.attempts:
            seen.check(f"{one.who}: {one.what}?", one.foiled, f"{one.got}; {one.control}")

    def _learn(self, *names: str) -> None:
        """What lies now at the shop and in these devices is searched for in the end."""
        listeners.learn_database(self._scene, self._known)
        for name in names:
            listeners.learn_device(self._known, self._bench.stations[name].machine)

    def _balance(self, behind: str) -> None:
        self._seen.balances.append((behind, self._shop.balance(self._scene.user)))


def _told(balances: list[tuple[str, int]]) -> str:
    return "; ".join(f"{units} behind {what}" for what, units in balances)

"""The story of `ringcast shop demo`: an account, a card, a purchase, a download, playback; two portable players, one of
which plays; a client that is lost and gets everything again; and what those get who ought to get nothing."""

import secrets
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from headend.accounts.master_key import MasterKey
from headend.shop.core import Shop
from headend.shop.delivering import Shelf
from headend.shop.refusals import Refused
from headend.titles.terminal_licence import licence_line
from settop.errors import LocalError
from settop.wire import household
from settop.wire.shop_channel import HELLO, REPLY

from testbed.line.dock import pull_out
from testbed.machines.codec.sound import Samples
from testbed.scenario.sounds.hearing import Heard, listen
from testbed.scenario.sounds.tune import RATE, decoded, melody, write_tune
from testbed.station import ConsoleEvent
from testbed.systems.shop.bench import DAY_MS, ShopBench
from testbed.systems.shop.front import BenchFront, add_song
from testbed.terminals import Progress

UNITS, PRICE = 100, 30
SECONDS = 2.0
WAYS = ("bought", "own", "tenth")
ALIKE = 0.95
"""Of a title's samples so many are those of the clear file, to the bit."""
_PIECE = 16
_KIND = ("shop_refused", "shop_failed", "error")


@dataclass(frozen=True)
class Attempt:
    """Somebody tried something and got this. `foiled`: it was nothing."""

    who: str
    what: str
    got: str
    foiled: bool


@dataclass
class Seen:
    """What happened, in its order. balances: (behind what, units). heard: by station. clear: the song as FFmpeg decodes
    it. marks: (ms, station, what was said). sounds: (rate, samples) of each station from the start of the run."""

    runtime: str
    seed: int
    clear: Samples
    balances: list[tuple[str, int]] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    heard: dict[str, list[Heard]] = field(default_factory=dict)
    copies: list[tuple[str, int]] = field(default_factory=list)
    checks: list[tuple[str, bool, str]] = field(default_factory=list)
    marks: list[tuple[int, str, str]] = field(default_factory=list)
    sounds: dict[str, tuple[int, Samples]] = field(default_factory=dict)
    end_ms: int = 0

    def check(self, what: str, held: bool, seen: str) -> None:
        """Something that the story expects."""
        self.checks.append((what, bool(held), seen))


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
            _Story(bench, seen, source, progress).tell()
            seen.end_ms = bench.world.now_ms
            for name in seen.heard:
                bench.sound(name).write_wav(out / f"heard-{name}.wav", 0)
                seen.sounds[name] = bench.sound(name).heard(0)
        finally:
            bench.close()
    return seen


class _Story:
    def __init__(self, bench: ShopBench, seen: Seen, source: Path, progress: Progress) -> None:
        self._bench, self._seen, self._source, self._progress = bench, seen, source, progress
        self._shop = bench.shop
        self._login, self._password = f"ann-{secrets.token_hex(6)}", secrets.token_urlsafe(12)
        self._title = add_song(bench.shop, bench.shelf, source, "A Song", PRICE, bench.now_ms())
        self._user = 0
        self._copy = b""
        self._old_keys: set[bytes] = set()
        self._secrets: list[bytes] = []
        self._dock_sent = b""

    def tell(self) -> None:
        """All of it."""
        for what, step in (
            ("an account, a card, a purchase, a download", self._buys),
            ("a month later the communication key is renewed", self._renews),
            ("a terminal with a dock, and two portable players", self._transfers),
            ("the client is lost; another one gets everything again", self._restores),
            ("who listens, repeats and guesses", self._attacks),
        ):
            self._progress(what)
            self._mark("bench", what)
            step()
        self._judge()

    # --- the viewer -----------------------------------------------------------------------------------------------

    def _buys(self) -> None:
        bench, card = self._bench, self._shop.new_card(UNITS, self._bench.now_ms())
        self._card = card
        bench.terminal("living")
        self._expect("a card is credited before there is an account", self._ask("living", f"redeem {card}"))
        self._expect("an account", self._ask("living", f"register {self._login} {self._password}"))
        self._user = self._shop.sign_in(self._login, self._password, bench.now_ms())
        self._balance("the card")
        self._expect("the catalogue", self._ask("living", "list"))
        self._expect("the title is bought", self._ask("living", f"buy {self._title} {PRICE}"))
        self._balance("the purchase")
        self._expect("it is downloaded", self._ask("living", f"download {self._title}"))
        self._hear("living", f"shop play {self._title}")

    def _renews(self) -> None:
        (client,) = self._shop.clients_of(self._user)
        self._old_keys = {one.key for one in self._shop.client_keys(client)}
        self._bench.later_ms += 31 * DAY_MS
        station = self._bench.stations["living"]
        before = len(station.console)
        self._ask("living", "balance")
        self._bench.until(station, "shop_renewed", "shop_failed", "error", after=before)
        self._expect("the next word opens the channel by the new key", self._ask("living", "balance"))
        keys = {one.key for one in self._shop.client_keys(client)}
        self._secrets += [*keys, *self._old_keys]
        self._try(
            "the old communication key",
            "counts at the shop still",
            f"{len(keys & self._old_keys)} times",
            not keys & self._old_keys,
        )

    def _transfers(self) -> None:
        bench, shop = self._bench, self._shop
        right = shop.right(self._user, self._title)
        self._copy = bench.shelf.copy_of(shop.engine, right, self._user).read_bytes()
        bench.manager("bedroom", {"song": self._copy})
        for name in ("player", "stranger"):
            bench.player(name)
        dark = bench.say("bedroom", "play song", "title_dark", "title_failed", "title_playing", "error")
        self._try("the title's file on a terminal without its key", "plays", "silence", dark.name == "title_dark")
        own = bench.identities["bedroom"]
        bench.say("bedroom", licence_line(own.device_key, own.terminal_id, right.kid, right.key), "licensed", "error")
        shop.join_player(self._user, bench.identities["player"].terminal_id, bench.now_ms())
        blob = shop.household_list(self._user, own.terminal_id)
        bench.say("bedroom", household.pack_command(blob), "household", "error")
        self._expect("a player of the household is docked", bench.dock("bedroom", "player"), "player_docked")
        for number, way in enumerate(WAYS, 1):
            self._progress(f"a copy by the way {way}")
            station = bench.stations["player"]
            before = len(station.console)
            ended = bench.say("bedroom", f"transfer song {way}", "transferred", "transfer_failed", "error")
            self._expect(f"a copy by the way {way}", ended, "transferred")
            copied = bench.until(station, "copied", after=before)
            self._seen.copies.append((way, int(copied.value("octets") or 0)))
            if way != "tenth":  # nine of ten octets of that are there to be read, as it is meant
                self._dock_sent = bytes(bench.docks["bedroom"].sent + bench.docks["player"].sent)
            self._hear("player", f"hear {number}")
        pull_out(bench.docks["bedroom"])
        bench.until(bench.stations["bedroom"], "player_lost")
        refused = bench.dock("bedroom", "stranger")
        tried = bench.say("stranger", "hear 1", "title_ended", "title_failed", "title_dark", "error")
        got = "silence" if not bench.sound("stranger").pieces else "SOUND"
        foiled = refused.name == "player_refused" and tried.name == "error" and got == "silence"
        self._try("a player of no household of hers", "is docked, and plays", got, foiled)

    def _restores(self) -> None:
        bench = self._bench
        bench.stations["living"].power_cut(bench.world.now_ms)
        (lost,) = self._shop.clients_of(self._user)
        self._shop.remove_client(self._user, lost, bench.now_ms())
        bench.terminal("kitchen")
        self._expect("she signs in on another terminal", self._ask("kitchen", f"login {self._login} {self._password}"))
        self._expect("every key comes again", self._ask("kitchen", "restore"))
        self._expect("and the title", self._ask("kitchen", f"download {self._title}"))
        self._hear("kitchen", f"shop play {self._title}")
        self._balance("the restoration")

    # --- the others -------------------------------------------------------------------------------------------------

    def _attacks(self) -> None:
        bench, shop = self._bench, self._shop
        bob = shop.register_user(f"bob-{secrets.token_hex(6)}", secrets.token_urlsafe(12), bench.now_ms())
        self._refused(
            "another one, with the card that she has used", lambda: shop.redeem(self._card, bench.now_ms(), bob)
        )
        guess = self._card[:-1] + str((int(self._card[-1]) + 1) % 10)
        said = self._ask("kitchen", f"redeem {guess}")
        got = said.value("code") or said.name
        self._try("a card's number with a wrong digit", "units", got, got == "card-mistyped")
        answers = [bench.front.ask(message) for message, _ in bench.front.carried if message[:1] != bytes((HELLO,))]
        done = sum(answer[:1] == bytes((REPLY,)) for answer in answers)
        if isinstance(bench.front, BenchFront):
            self._try(
                "all requests of the channel, sent again", "a reply", f"{done} replies", bool(answers) and not done
            )
        self._balance("everything")
        self._listens(shop)

    def _listens(self, shop: Shop) -> None:
        bench = self._bench
        right = shop.right(self._user, self._title)
        keys = [right.key, *self._secrets, *(one.device_key for one in bench.identities.values())]
        keys += [one.key for client in shop.clients_of(self._user) for one in shop.client_keys(client)]
        clear = self._source.read_bytes()
        pieces = [clear[at : at + _PIECE] for at in range(400, len(clear) - _PIECE, 160)]
        lines = {"the dock's cable": self._dock_sent}
        if isinstance(bench.front, BenchFront):
            channel = b"".join(message + answer for message, answer in bench.front.carried)
            lines["the network"] = channel + b"".join(bench.front.copies)
            password = self._password.encode()
            self._try("who listens on the network", "the password", "nothing", password not in channel)
        for where, octets in lines.items():
            found = sum(any(key[at : at + 8] in octets for at in range(len(key) - 7)) for key in keys)
            self._try(
                f"who listens on {where}", f"one of {len(set(keys))} keys", f"{found} keys", bool(octets) and not found
            )
            frames = sum(piece in octets for piece in pieces)
            self._try(f"who listens on {where}", "a clear frame", f"{frames} pieces of {_PIECE} octets", not frames)

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
        for name, count in (("living", 1), ("player", len(WAYS)), ("kitchen", 1), ("stranger", 0)):
            heard = seen.heard[name] = list(listen(self._bench.sound(name), 0, {"song": seen.clear}))
            alike = [one for one in heard if one.title == "song" and one.equal >= ALIKE]
            shown = ", ".join(f"{100 * one.equal:.2f} %" for one in heard) or "silence"
            seen.check(
                f"{name}: the song {count} times, as FFmpeg decodes it", len(alike) == len(heard) == count, shown
            )
        for one in seen.attempts:
            seen.check(f"{one.who}: {one.what}?", one.foiled, one.got)

    def _ask(self, name: str, words: str) -> ConsoleEvent:
        verb = words.split(" ", 1)[0]
        good = {
            "redeem": "shop_redeemed",
            "register": "shop_balance",
            "login": "shop_balance",
            "balance": "shop_balance",
            "list": "shop_listed",
            "buy": "shop_bought",
            "restore": "shop_listed",
            "download": "shop_downloaded",
        }[verb]
        said = self._bench.say(name, f"shop {words}", good, *_KIND)
        self._mark(name, f"{verb}: {said.name}")
        bench = self._bench
        bench.world.run_until(bench.world.now_ms + 60_000, lambda: _is_idle(bench, name))
        return said

    def _hear(self, name: str, words: str) -> None:
        ended = self._bench.say(name, words, "title_ended", "title_failed", "title_dark", "error")
        self._mark(name, f"{words}: {ended.name}")
        self._expect(f"{name}: it is heard to its end", ended, "title_ended")

    def _balance(self, behind: str) -> None:
        self._seen.balances.append((behind, self._shop.balance(self._user)))

    def _expect(self, what: str, said: ConsoleEvent, name: str | None = None) -> None:
        if said.name != name if name else said.name in _KIND:
            raise LocalError(f"the story ends where it should go on with: {what}. {said.name} {said.text}")
        self._seen.check(what, True, said.name)

    def _refused(self, who: str, call: Callable[[], object]) -> None:
        try:
            call()
        except Refused as refused:
            self._try(who, "units", refused.code, True)
        else:
            self._try(who, "units", "THEM", False)

    def _try(self, who: str, what: str, got: str, foiled: bool) -> None:
        self._seen.attempts.append(Attempt(who, what, got, bool(foiled)))

    def _mark(self, name: str, what: str) -> None:
        self._seen.marks.append((self._bench.world.now_ms, name, what))


def _is_idle(bench: ShopBench, name: str) -> bool:
    return bench.stations[name].console[-1].name != "shop_downloading"


def _told(balances: list[tuple[str, int]]) -> str:
    return "; ".join(f"{units} behind {what}" for what, units in balances)

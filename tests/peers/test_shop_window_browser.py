"""People visit the shop in Chromium: on a telephone and on a desk, light and dark, by keyboard, without scripts.

axe says at each page what would keep somebody from using it (WCAG 2.2, A and AA).
"""

import itertools
import json

import pytest
from testbed.commands import shop as commands

from tests.helpers.commands import ringcast
from tests.helpers.shop import NOW, PASSWORD
from tests.helpers.shop_process import running
from tests.helpers.tunes import tune

pytestmark = pytest.mark.peer

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
TELEPHONE, DESK = (360, 740), (1280, 900)
LIMIT_MS = 20_000
_AXE = f"() => axe.run({{runOnly: {json.dumps(RULES)}}}).then(found => found.violations.map(" + (
    "one => one.id + ': ' + one.nodes.map(node => node.html).join(' | ')))"
)
_WIDE = """() => [...document.querySelectorAll('body *')].filter(one => {
  const box = one.getBoundingClientRect();
  return box.width > 1 && (box.right > innerWidth + 0.5 || box.left < 0) && !one.matches('.skip');
}).map(one => one.outerHTML.slice(0, 100))"""
_FOCUSED = """() => {
  const one = document.activeElement, style = getComputedStyle(one);
  const label = one.labels && one.labels.length ? one.labels[0] : one;
  return [label.innerText.replace(/\\s+/g, ' ').trim(), one.matches('audio, body') ? 'its own' : style.outlineStyle];
}"""
_HEARD = """() => new Promise((done, fail) => {
  const sample = document.querySelector('audio');
  sample.ontimeupdate = () => { if (sample.currentTime > 0.3) done(true); };
  sample.onerror = () => fail(sample.error.message);
  sample.play();
})"""
_logins = (f"person{number}" for number in itertools.count(1))


class Market:
    """A shop that is open, with three titles: `url`; cards and players of its visitors."""

    def __init__(self, db, url):
        self.db, self.url = db, url
        self._shop = commands.shared.open_shop(str(db), None)

    def card(self):
        return ringcast("shop", "card", "new", 100, "--db", self.db).out.split("\n")[0]

    def player(self, login):
        client = self._shop.register_client(NOW).client_id
        self._shop.sign_in(login, PASSWORD, NOW, client)


@pytest.fixture(scope="module")
def market(tmp_path_factory, cover):
    folder = tmp_path_factory.mktemp("shop")
    db, lyrics = folder / "shop.db", folder / "lyrics.txt"
    lyrics.write_text("So blue the morning\nand so still\n\nas if it would not end\n")
    artist = folder / "artist.txt"
    artist.write_text("Ann & the Others")
    for command in (
        ("taste", "set", "Jazz", "--price", 5),
        ("taste", "set", "Songs of a very quiet countryside"),
        ("title", "add", tune("aac", 6), "--name", "Blue Morning", "--price", 30, "--taste", "Jazz",
         "--extra", f"lyrics={lyrics}", "--extra", f"artist={artist}", "--extra", f"cover={cover}"),
        ("title", "add", tune("aac", 6), "--name", "Red", "--price", 300),
        ("title", "add", tune("mp3", 6), "--name", "An Unreasonablylongwordedtitlethatdoesnotend, in G minor, for two",
         "--price", 12, "--taste", "Songs of a very quiet countryside"),
        ("title", "rent", 2, "--price", 5, "--hours", 48),
        ("title", "rent", 2, "--price", 8, "--hours", 24, "--from", "2020-01-01", "--until", "2199-12-31T12:34:56"),
        ("title", "rent", 2, "--price", 150, "--until", "2199-12-31"),
    ):  # fmt: skip
        assert ringcast("shop", *command, "--db", db).status == 0, command
    with running("serve", "--db", db) as process:
        yield Market(db, process.url)


@pytest.fixture(scope="module")
def cover(tmp_path_factory):
    """A small picture, of colours that run into each other."""
    import av
    import numpy as np

    path = tmp_path_factory.mktemp("cover") / "cover.png"
    across, down = np.meshgrid(np.linspace(0, 1, 200), np.linspace(0, 1, 200))
    colours = np.stack([40 + 90 * down, 70 + 90 * across * down, 120 + 110 * (1 - down)], axis=-1)
    with av.open(str(path), "w", format="image2") as file:
        stream = file.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = 200, 200, "rgb24"
        frame = av.VideoFrame.from_ndarray(colours.astype(np.uint8), format="rgb24")
        file.mux(stream.encode(frame) + stream.encode())
    return path


class Visit:
    """A browser's page, and what is looked at wherever it stops."""

    def __init__(self, page, market, pictures=None):
        self.page, self.market, self.pictures, self.said = page, market, pictures, []
        self.stops = itertools.count(1)
        page.set_default_timeout(LIMIT_MS)
        page.on("console", lambda one: self.said.append(one.text) if one.type in ("error", "warning") else None)

    def go(self, path):
        self.page.goto(self.market.url + path)

    def fill(self, **fields):
        for name, text in fields.items():
            self.page.fill(f"[name={name}]", text)

    def press(self, name):
        self.page.click(f"main button:has-text('{name}')")

    def follow(self, name):
        self.page.click(f"a:has-text('{name}')")

    def shows(self, text):
        assert text in self.page.inner_text("main")

    def stop(self, name):
        """Looks at the page: nothing in anybody's way, nothing beyond the edge, nothing that the policy forbids."""
        if self.pictures:
            self.page.screenshot(path=self.pictures / f"{next(self.stops):02}-{name}.png", full_page=True)
        assert self.page.evaluate(_AXE) == [], name
        assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        assert self.page.evaluate(_WIDE) == [], name
        assert [one for one in self.said if "Failed to load resource" not in one] == [], name


@pytest.fixture
def visiting(chromium, market, axe, tmp_path):
    """Makes visits: `visiting(size, scheme, scripts=True)`."""
    contexts = []

    def begin(size=TELEPHONE, scheme="light", scripts=True):
        context = chromium.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            java_script_enabled=scripts,
            ignore_https_errors=True,
        )
        contexts.append(context)
        context.add_init_script(axe)
        return Visit(context.new_page(), market, tmp_path)

    yield begin
    for context in contexts:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [TELEPHONE, DESK], ids=["telephone", "desk"])
def test_every_page_can_be_used_by_everybody(visiting, market, size, scheme):
    visit, login = visiting(size, scheme), next(_logins)
    visit.go("/")
    visit.stop("catalogue")
    background = visit.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (int(background.strip("rgba()").split(",")[0]) < 60) == (scheme == "dark")
    visit.fill(words="nothing like it")
    visit.press("Search")
    visit.stop("found-nothing")
    visit.go("/")
    visit.follow("Jazz")
    visit.stop("taste")
    visit.page.click("main a:has-text('Blue Morning')")
    visit.shows("30 units")
    visit.stop("title")
    visit.go("/titles/2")
    visit.shows("Or for a time")
    visit.stop("title-for-a-time")
    visit.go("/subscriptions")
    visit.stop("subscriptions-of-nobody")
    visit.go("/nothing")
    visit.stop("no-page")
    visit.go("/titles/1")
    visit.page.click("main a:has-text('Register')")
    visit.fill(login="a b", password=PASSWORD)
    visit.press("Make an account")
    visit.stop("register-refused")
    visit.fill(login=login, password=PASSWORD)
    visit.press("Make an account")
    visit.shows("Your account is made")
    visit.shows("30 units too few")
    visit.stop("too-few")
    for page in ("library", "transactions", "players"):
        visit.go(f"/account/{page}")
        visit.stop(f"empty-{page}")
    visit.go("/account")
    visit.fill(number="1234 5678 9012 3456")
    visit.press("Redeem")
    visit.stop("card-refused")
    visit.fill(number=market.card())
    visit.press("Redeem")
    visit.shows("Your card is credited")
    visit.stop("credited")
    visit.go("/subscriptions")
    visit.press("Join Jazz")
    visit.shows("You are in it")
    visit.stop("subscriptions")
    visit.go("/titles/1")
    visit.stop("before-buying")
    visit.press("Buy for 30 units")
    visit.shows("It is yours")
    visit.stop("bought")
    visit.go("/titles/2")
    visit.shows("85 units too few")
    visit.stop("before-renting")
    visit.press("Rent for 8 units")
    visit.shows("It is yours for as long as you chose")
    visit.shows("Yours for 24 hours from the first play on, from 1 January 2020, 00:00 UTC until 31 December 2199")
    visit.stop("rented")
    visit.go("/")
    visit.stop("catalogue-of-a-tenant")
    market.player(login)
    for page in ("library", "transactions", "players"):
        visit.go(f"/account/{page}")
        visit.stop(page)
    visit.page.click("main a:has-text('Remove')")
    visit.stop("losing")
    visit.press("Remove this player")
    visit.shows("The player is removed")
    visit.stop("lost")
    visit.go("/account")
    visit.press("Sign out")
    visit.shows("You are signed out")
    visit.go("/sign-in")
    visit.fill(login=login, password="wrong password")
    visit.press("Sign in")
    visit.shows("The login or the password is wrong")
    visit.stop("sign-in-refused")


def test_a_purchase_by_keyboard_alone(visiting, market):
    visit, login, card = visiting(), next(_logins), market.card()
    page = visit.page

    def tab_to(name):
        """By the tabulator, with the focus to be seen at each step."""
        for _ in range(40):
            page.keyboard.press("Tab")
            label, outline = page.evaluate(_FOCUSED)
            assert outline != "none", label
            if label == name:
                return
        pytest.fail(f"the tabulator does not come to {name}")

    def enter(wanted):
        page.keyboard.press("Enter")
        page.wait_for_selector(f"main :text('{wanted}')")

    visit.go("/")
    page.keyboard.press("Tab")
    assert page.evaluate(_FOCUSED)[0] == "Skip to content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "words"
    page.keyboard.type("morning")
    enter("Blue Morning")
    tab_to("Blue Morning Ann & the Others 30 units")
    enter("Sign in to buy")
    tab_to("Sign in to buy")
    enter("New here?")
    tab_to("Login")
    for _ in range(3):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("main :text('Make an account')")
    tab_to("Login")
    page.keyboard.type(login)
    tab_to("Password")
    page.keyboard.type(PASSWORD)
    enter("too few")
    tab_to("Redeem a card")
    enter("Card number")
    tab_to("Card number")
    page.keyboard.type(card)
    enter("Your card is credited")
    tab_to("Catalogue")
    enter("Blue Morning")
    tab_to("Blue Morning Ann & the Others 30 units")
    enter("Buy for 30 units")
    tab_to("Buy for 30 units")
    enter("It is yours")
    assert page.inner_text(".balance").split() == ["Balance:", "70", "units"]


def test_a_title_is_rented_by_keyboard_alone(visiting, market):
    visit, login = visiting(), next(_logins)
    page = visit.page
    visit.go("/register?to=/titles/2")
    visit.fill(login=login, password=PASSWORD)
    visit.press("Make an account")
    visit.go("/account")
    visit.fill(number=market.card())
    visit.press("Redeem")
    visit.go("/titles/2")
    for _ in range(40):
        page.keyboard.press("Tab")
        label, outline = page.evaluate(_FOCUSED)
        assert outline != "none", label
        if label == "Rent for 5 units":
            break
    described = page.get_attribute(":focus", "aria-describedby")
    assert page.inner_text(f"#{described}") == "for 2 days from the first play on"
    page.keyboard.press("Enter")
    page.wait_for_selector("main :text('It is yours for as long as you chose')")
    visit.shows("Yours for 2 days from the first play on")
    assert "95 units" in page.inner_text(".balance")


def test_the_judges_see_what_is_wrong(visiting):
    visit = visiting()
    visit.go("/")
    visit.page.evaluate("""() => {
      const wide = document.createElement('input');
      wide.style.width = '400px';
      document.querySelector('main').append(wide);
    }""")
    assert any(one.startswith("label: <input") for one in visit.page.evaluate(_AXE))
    assert visit.page.evaluate(_WIDE) != []


def test_everything_works_without_scripts(visiting, market):
    visit, login = visiting(scripts=False), next(_logins)
    visit.go("/register")
    visit.fill(login=login, password=PASSWORD)
    visit.press("Make an account")
    visit.go("/account")
    visit.fill(number=market.card())
    visit.press("Redeem")
    visit.shows("Your card is credited")
    visit.go("/")
    visit.fill(words="morning")
    visit.press("Search")
    visit.page.click("main a:has-text('Blue Morning')")
    visit.press("Buy for 30 units")
    visit.shows("It is yours")
    visit.page.reload()  # the page, and not the form
    assert "70 units" in visit.page.inner_text(".balance")
    visit.go("/titles/2")
    visit.press("Rent for 5 units")
    visit.shows("It is yours for as long as you chose")
    market.player(login)
    visit.go("/account/players")
    visit.page.click("main a:has-text('Remove')")
    visit.press("Remove this player")
    visit.shows("no player yet")
    visit.go("/account")
    visit.press("Sign out")
    visit.go("/account")
    visit.shows("New here?")


def test_a_sample_can_be_heard_before_anybody_signs_in(visiting):
    visit = visiting()
    for title in (1, 3):
        visit.go(f"/titles/{title}")
        assert visit.page.evaluate(_HEARD)
    visit.go("/")
    visit.page.evaluate("Promise.all([...document.images].map(one => (one.loading = 'eager', one.decode())))")


def test_the_browser_keeps_the_session_from_scripts_and_from_other_sites(visiting, market):
    visit, login = visiting(), next(_logins)
    visit.go("/register")
    visit.fill(login=login, password=PASSWORD)
    visit.press("Make an account")
    visit.shows("Your account is made")
    kept = {one["name"]: one for one in visit.page.context.cookies()}["__Host-session"]
    assert (kept["httpOnly"], kept["secure"], kept["sameSite"]) == (True, True, "Strict")
    assert visit.page.evaluate("document.cookie") == ""
    form = f"<form method=post action={market.url}/sign-out><button>Win</button></form>"
    visit.page.route("https://evil.test/", lambda route: route.fulfill(content_type="text/html", body=form))
    visit.page.goto("https://evil.test/")
    visit.page.click("button")
    visit.shows("This form was refused")
    visit.go("/account")
    visit.shows(login)

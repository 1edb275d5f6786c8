"""People look at streams in Chromium and buy a token: on a telephone and on a desk, light and dark, by keyboard."""

import shlex

import pytest
from headend.stream.sales.core import TransactionServer
from settop.media import key_text

from tests.helpers.commands import ringcast
from tests.helpers.shop import PASSWORD
from tests.helpers.shop_process import running
from tests.peers import test_shop_window_browser as shop_pages

pytestmark = pytest.mark.peer
visiting = shop_pages.visiting
LOGIN = "Jürgen-$(id)"


@pytest.fixture(scope="module")
def market(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    db = folder / "shop.db"
    for name, label, *more in (
        ("film", "Metropolis", "--limit", "An evening=6:30", "--limit", "A week=168:200"),
        ("news", "The news of an unreasonablylongwordedcountrysidethatdoesnotend", "--limit", "A day=24:0"),
        ("open", "Open to everybody"),
    ):
        media = folder / f"{name}.ts"
        media.write_bytes(b"G" * 188)
        if not more:
            media.with_suffix(".toml").write_text("free = true\nclear = true\n")
        command = ("title", "add", media, "--name", label, *more, "--server", "rtsp://streams.example:8554")
        assert ringcast("stream", *command, "--db", db).status == 0
    with running("serve", "--db", db) as process:
        yield shop_pages.Market(db, process.url)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [shop_pages.TELEPHONE, shop_pages.DESK], ids=["telephone", "desk"])
def test_every_page_of_streams_can_be_used_by_everybody(visiting, market, size, scheme):
    visit, login = visiting(size, scheme), f"{LOGIN}-{size[0]}-{scheme}"
    visit.go("/")
    visit.follow("Streams")
    visit.shows("Open to everybody")
    visit.stop("streams")
    visit.page.click("main a:has-text('Open to everybody')")
    visit.shows("rtsp://streams.example:8554/open")
    visit.stop("open")
    visit.go("/streams/1")
    visit.stop("stream-of-nobody")
    visit.page.click("main a:has-text('Register')")
    visit.fill(login=login, password=PASSWORD)
    visit.press("Make an account")
    visit.shows("30 units too few")
    visit.stop("too-few")
    visit.go("/account/streams")
    visit.shows("Nothing at this time")
    visit.stop("no-tokens")
    visit.go("/account")
    visit.fill(number=market.card())
    visit.press("Redeem")
    visit.go("/streams/1")
    visit.shows("100 units too few")
    visit.stop("stream")
    visit.press("Buy for 30 units")
    visit.shows("You may watch it until the time is over")
    visit.go("/streams/2")
    visit.stop("free")
    visit.press("Take it")
    visit.shows("Metropolis")
    visit.stop("tokens")
    assert "70 units" in visit.page.inner_text(".balance")
    links = [one.get_attribute("href") for one in visit.page.query_selector_all("main section a")]
    assert links == ["rtsp://streams.example:8554/film", "rtsp://streams.example:8554/news"]
    tokens = TransactionServer(market._shop).tokens
    for title, line in zip(("film", "news"), visit.page.query_selector_all(".command"), strict=True):
        words = shlex.split(line.inner_text())
        assert words[3:6] == [f"rtsp://streams.example:8554/{title}", "--user", login.casefold()]
        tokens.check(key_text.parse_token(words[7])[0], title, words[5], 0)
    visit.go("/account/transactions")
    visit.shows("Streamed: film")
    visit.stop("transactions")


def test_a_token_is_bought_by_keyboard_alone_and_without_scripts(visiting, market):
    visit = visiting(scripts=False)
    page = visit.page

    def tab_to(selector):
        """By the tabulator."""
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.query_selector(f"{selector}:focus"):
                return
        pytest.fail(f"the tabulator does not come to {selector}")

    def enter(wanted):
        page.keyboard.press("Enter")
        page.wait_for_selector(f"main :text('{wanted}')")

    visit.go("/")
    tab_to("header a[href='/streams']")
    enter("for as long as you choose")
    tab_to("main a[href='/streams/2']")
    enter("Sign in to watch")
    tab_to("main a[href='/register?to=/streams/2']")
    enter("Make an account")
    tab_to("input[name=login]")
    page.keyboard.type("keyboard")
    tab_to("input[name=password]")
    page.keyboard.type(PASSWORD)
    enter("For how long")
    tab_to("main button")
    enter("You may watch it until the time is over")
    assert "./ringcast stream play rtsp://streams.example:8554/news" in page.inner_text(".command")
    page.reload()  # the page, and not the form
    assert len(page.query_selector_all(".command")) == 1

"""The shop's window without a browser: what its pages say, and whom they let do what."""

import pytest
from headend.accounts.engine import transaction
from headend.shop import catalogue, throttle
from headend.shop.refusals import REFUSALS, Refused
from headend.shop.web.window import pages, words

from tests.helpers import shop as helper
from tests.helpers.shop import NOW, PASSWORD
from tests.helpers.shop_web import Counter
from tests.helpers.shop_window import HERE, Page, Passer

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


@pytest.fixture
def shop(tmp_path):
    with Counter(helper.new_database(), tmp_path / "shelf") as made:
        yield made
        assert made.stall.audit() == []


@pytest.fixture
def ann(shop):
    passer = Passer(shop)
    passer.register(units=100)
    return passer


# --- a visit ------------------------------------------------------------------------------------------------------


def test_somebody_registers_redeems_a_card_and_buys(shop):
    shop.put(name="Blue", price=30)
    ann = Passer(shop)
    assert "Sign in to buy" in ann.look("/titles/1").text
    assert ann.register(to="/titles/1").headers["location"] == "/titles/1"
    assert "30 units too few" in ann.look("/titles/1").text
    assert ann.redeem(100).headers["location"] == "/account"
    assert "100 units" in ann.look("/account").text
    assert "Your card is credited" not in ann.look("/account").text  # it is said once
    assert Page(ann.look("/titles/1").text).one("input", name="price")["value"] == "30"
    bought = ann.send("/titles/1", {"price": "30"})
    assert (bought.status_code, bought.headers["location"]) == (303, "/titles/1")
    assert "It is yours." in ann.look("/titles/1").text
    again = ann.send("/titles/1", {"price": "30"})
    assert again.status_code == 303 and "nothing was charged" in ann.look("/titles/1").text
    assert "Blue" in ann.look("/account/library").text
    told = Page(ann.look("/account/transactions").text).text
    assert told.index("Bought: Blue") < told.index("Card redeemed") and "-30" in told and "+100" in told
    assert shop.stall.balance(1) == 70


def test_a_form_that_has_worked_leads_to_a_page_that_can_be_loaded_again(shop, ann):
    jazz = shop.stall.group("Jazz", 5)
    assert ann.send("/subscriptions", {"join": jazz, "price": "5"}).headers["location"] == "/subscriptions"
    assert "You are in it" in ann.look("/subscriptions").text
    assert ann.send("/subscriptions", {"leave": jazz}).status_code == 303
    assert "You are in it" not in ann.look("/subscriptions").text
    assert "Subscribed: Jazz" in Page(ann.look("/account/transactions").text).text
    player = shop.client("ann").client_id.hex()
    assert pages.in_fours(player) in ann.look("/account/players").text
    assert "Remove this player" in ann.look(f"/account/players/{player}").text
    assert shop.stall.clients_of(1) != []
    assert ann.send(f"/account/players/{player}", {}).headers["location"] == "/account/players"
    assert shop.stall.clients_of(1) == []
    assert ann.send(f"/account/players/{player}", {}).status_code == 404
    assert ann.send("/sign-out", {}).headers["location"] == "/"
    assert ann.look("/account").headers["location"] == "/sign-in?to=/account"


def test_the_catalogue_is_searched_by_words_and_by_taste_page_by_page(shop):
    jazz = shop.stall.group("Jazz & more")
    for number in range(53):
        shop.stall.title(f"Song {number}", group=jazz if number % 2 else None, artist="Ann" if number < 3 else "Bob")
    passer = Passer(shop)
    first = Page(passer.look("/").text)
    following = first.one("a", rel="next")["href"]
    second = Page(passer.look(following).text)
    assert "Song 52" in second.text and Page(passer.look(second.one("a", rel="prev")["href"]).text).text == first.text
    taste = next(one["href"] for one in first.all("a") if "Jazz" in one["href"])
    found = Page(passer.look(f"{taste}").text)
    assert "Song 1" in found.text and "Song 2 " not in found.text and found.one("input", name="taste")
    assert "Song 1" in passer.look("/?words=ann+song&taste=Jazz+%26+more&after=0").text
    assert "Try fewer of them" in passer.look("/?words=nothing").text


def test_transactions_come_newest_first_in_pages(shop, ann):
    for number in range(60):
        shop.stall.title(f"Song {number}", price=1)
        shop.stall.buy(1, number + 1, NOW)
    first = Page(ann.look("/account/transactions").text)
    assert "Song 59" in first.text and "Song 5:" not in first.text
    older = Page(ann.look(first.one("a", rel="next")["href"]).text)
    assert "Song 0" in older.text and "Card redeemed" in older.text and "Song 59" not in older.text


def test_a_title_shows_its_cover_or_one_that_is_drawn(shop):
    shop.put(name="Red", cover=PNG)
    shop.put(name="& Blue")
    passer = Passer(shop)
    for _ in range(2):
        cover = passer.look("/titles/1/cover")
        assert (cover.content, cover.headers["content-type"]) == (PNG, "image/png")
    drawn = passer.look("/titles/2/cover")
    assert drawn.headers["content-type"].startswith("image/svg+xml") and ">B</text>" in drawn.text
    assert drawn.headers["content-security-policy"] == "default-src 'none'"
    assert passer.look("/titles/3/cover").status_code == 404


# --- what is refused, in sentences --------------------------------------------------------------------------------


def test_every_refusal_is_a_sentence():
    for code in REFUSALS:
        told = words.refused(Refused(code, 61_000))
        assert told[0].isupper() and told.endswith("."), told
    assert "2 minutes" in words.refused(Refused("slow-down", 61_000))


def test_wrong_and_unknown_logins_get_one_page_and_then_a_wait(shop, ann):
    told = []
    for who in ("ann", "bob"):
        for _ in range(throttle.FREE):
            answer = Passer(shop).send("/sign-in", {"login": who, "password": "wrong password"})
            assert answer.status_code == 401 and "www-authenticate" not in answer.headers
            told.append(answer.text.replace(who, "?"))
        slow = Passer(shop).send("/sign-in", {"login": who, "password": PASSWORD})
        assert (slow.status_code, slow.headers["retry-after"]) == (429, "1")
        assert "Wait 1 second, then try again." in Page(slow.text).text
    assert len(set(told)) == 1 and "wrong password" not in told[0]
    assert "The login or the password is wrong" in Page(told[0]).text


@pytest.mark.parametrize(
    ("path", "fields", "status", "says"),
    [
        ("/register", {"login": "ann", "password": PASSWORD}, 409, "Choose another one"),
        ("/register", {"login": "a b", "password": PASSWORD}, 422, "no spaces"),
        ("/register", {"login": "bob", "password": "short"}, 422, "8 to 200 characters"),
        ("/account", {"number": "1234"}, 422, "Compare all 16"),
        ("/account", {"number": "0" * 16}, 404, "There is no card of this number"),
        ("/titles/1", {"price": "29"}, 409, "The price has changed"),
        ("/titles/2", {"price": "900"}, 402, "Redeem a card"),
        ("/titles/9", {"price": "1"}, 404, "There is no such title"),
        ("/subscriptions", {"join": "9", "price": "5"}, 404, "There is no such subscription"),
        ("/subscriptions", {"join": "x", "price": "5"}, 400, "Open its page again"),
        ("/titles/1", {}, 400, "Open its page again"),
    ],
)
def test_what_cannot_be_done_is_said_on_the_page_and_changes_nothing(shop, ann, path, fields, status, says):
    shop.stall.title("Blue", 30)
    shop.stall.title("Gold", 900)
    answer = ann.send(path, fields)
    assert answer.status_code == status and says in Page(answer.text).text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    for value in fields.values():
        assert not (value == PASSWORD and value in answer.text)
    assert shop.stall.balance(1) == 100


def test_pages_that_are_not_there_or_fail_say_what_to_do(shop, ann, monkeypatch):
    for path in ("/nothing", "/titles/0", "/titles/x", "/titles/7", "/static/x", "/?after=-1", "/account/players/xy"):
        answer = ann.look(path)
        assert answer.status_code in (404, 422), path
        assert "catalogue" in Page(answer.text).text and Page(answer.text).all("h1") == [{}]
    assert ann.send("/", {}).status_code == 405
    monkeypatch.setattr(shop.stall, "browse", lambda *_: 1 // 0)
    failed = ann.look("/")
    assert failed.status_code == 500 and "The shop has failed" in failed.text and "Zero" not in failed.text
    assert failed.headers["cache-control"] == "no-store" and failed.headers["content-security-policy"] == pages.POLICY


def test_programs_still_get_problems(shop):
    for path, accept in (("/api/titles/9", "text/html"), ("/api/nothing", "text/html"), ("/nothing", "*/*")):
        answer = shop.nobody.get(path, headers={"accept": accept})
        assert answer.status_code == 404 and answer.headers["content-type"] == "application/problem+json"


# --- whom a page lets do what -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin",
    [None, "null", "", "https://evil.test", "http://shop.test", "https://shop.test:444", "https://shop.test.evil.test"],
)
@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/titles/1", {"price": "30"}),
        ("/account", {"number": "0" * 16}),
        ("/subscriptions", {"join": "1"}),
        ("/account/players/0011223344556677", {}),
        ("/sign-out", {}),
        ("/sign-in", {"login": "ann", "password": PASSWORD}),
        ("/register", {"login": "bob", "password": PASSWORD}),
    ],
)
def test_a_form_of_another_site_does_nothing(shop, ann, path, fields, origin):
    shop.stall.title("Blue", 30)
    shop.stall.group("Jazz")
    cookies = dict(ann.cookies)
    answer = ann.send(path, fields, origin=origin)
    assert answer.status_code == 403 and "not come from a page of this shop" in Page(answer.text).text
    assert answer.headers.get_list("set-cookie") == []
    assert ann.cookies == cookies and shop.stall.balance(1) == 100 and shop.stall.restore(1) == []
    assert ann.look("/account").status_code == 200


def test_every_form_of_the_window_is_behind_that_check(shop):
    from headend.shop.web.app import WINDOW

    sent = {route.path for router in WINDOW for route in router.routes if "POST" in route.methods}
    assert sent == {
        "/titles/{title}",
        "/subscriptions",
        "/streams/{stream}",
        "/register",
        "/sign-in",
        "/sign-out",
        "/account",
        "/account/players/{client}",
    }


def test_what_is_no_form_is_refused(shop, ann):
    shop.stall.title("Blue", 30)
    answer = ann.send("/titles/1", {"price": "30"}, content_type="text/plain")
    assert answer.status_code == 415 and shop.stall.balance(1) == 100


def test_cookies_are_for_this_site_alone_and_for_no_script(shop):
    passer = Passer(shop)
    passer.register()
    line = next(one for one in passer.set_cookies if one.startswith("__Host-session="))
    flags = {one.strip().lower() for one in line.split(";")[1:]}
    assert {"httponly", "secure", "samesite=strict", "path=/", f"max-age={30 * 24 * 3600}"} == flags
    token = passer.cookies["__Host-session"]
    assert passer.send("/sign-out", {}).status_code == 303
    assert "__Host-session" not in passer.cookies
    passer.cookies["__Host-session"] = token  # kept by a thief
    assert passer.look("/account").status_code == 303


def test_over_tls_a_cookie_that_anybody_could_have_set_counts_for_nothing(shop, ann):
    ann.cookies["session"] = ann.cookies.pop("__Host-session")
    assert ann.look("/account").status_code == 303


def test_without_tls_the_cookie_is_plain_but_behind_a_proxy_with_tls_it_is_not(shop):
    shop._client.base_url = "http://shop.test"
    for origin, name, secure in (("http://shop.test", "session", False), (HERE, "__Host-session", True)):
        passer = Passer(shop)
        answer = passer.send("/register", {"login": name.strip("_"), "password": PASSWORD}, origin=origin)
        assert answer.status_code == 303 and name in passer.cookies
        assert any("Secure" in one for one in passer.set_cookies) == secure
        assert passer.look("/account").status_code == 200


@pytest.mark.parametrize(
    "to", ["https://evil.test", "//evil.test", "/\\evil.test", "/a//b", "javascript:alert(1)", "/x?y", "/\r\nx: y", "x"]
)
def test_signing_in_leads_nowhere_else(shop, to):
    ann = Passer(shop)
    assert ann.register(to=to).headers["location"] == "/"
    assert Page(ann.look("/sign-in?to=" + to.replace("\r\n", "%0d%0a")).text).one("input", name="to")["value"] == "/"


def test_names_extras_logins_and_words_are_text_and_nothing_else(shop):
    jazz = shop.stall.group(EVIL[:60])
    shop.stall.title(EVIL, 10, jazz, artist=EVIL, album=EVIL, composer=EVIL, lyrics=EVIL)
    ann = Passer(shop)
    ann.register("<b>\"ann'</b>", units=50)
    ann.send("/titles/1", {"price": "10"})
    usual = {"html", "head", "meta", "title", "link", "body", "a", "header", "div", "span", "nav", "ul", "li", "p"}
    usual |= {"main", "footer", "h1", "h2", "form", "label", "input", "button", "img", "article", "dl", "dt", "dd"}
    usual |= {"section", "audio", "table", "thead", "tbody", "tr", "th", "td", "time"}
    sites = ["/", "/titles/1", "/subscriptions", "/account", "/account/library", "/account/transactions"]
    for path in [*sites, "/?words=%22%3E%3Cscript%3E&taste=" + "%3Cscript%3E", "/sign-in?to=%22%3E%3Cscript%3E"]:
        page = Page(ann.look(path).text)
        assert {tag for tag, _ in page.tags} <= usual, path
        assert not [one for _, attributes in page.tags for one in attributes if one.startswith("on") or one == "style"]
        assert all(one["src"].startswith(("/titles/1/cover", "/api/titles/1/sample")) for one in page.all("img"))
    assert EVIL in Page(ann.look("/titles/1").text).text
    assert EVIL[:20] not in Passer(shop).send("/sign-in", {"login": EVIL, "password": "x"}).text


def test_pages_are_kept_nowhere_and_take_nothing_from_elsewhere(shop, ann):
    shop.stall.title("Blue")
    for path in ("/", "/titles/1", "/account", "/account/library", "/account/transactions", "/account/players"):
        found = ann.look(path).headers
        assert found["cache-control"] == "no-store" and found["content-security-policy"] == pages.POLICY
        assert found["referrer-policy"] == "same-origin" and found["x-content-type-options"] == "nosniff"
    assert "script" not in pages.POLICY and "unsafe" not in pages.POLICY and "default-src 'none'" in pages.POLICY
    assert "immutable" in ann.look("/static/style.css").headers["cache-control"]


def test_every_field_has_a_label_and_says_what_may_fill_it_in(shop, ann):
    wanted = {"login": "username", "number": "off", "words": "off"}
    passwords = {"/register": "new-password", "/sign-in": "current-password", "/account": "", "/": ""}
    for path, password in passwords.items():
        page = Page(ann.look(path).text)
        labels = {one["for"] for one in page.all("label")}
        shown = [one for one in page.all("input") if one.get("type") != "hidden"]
        assert shown and {one["id"] for one in shown} == labels
        for one in shown:
            assert one["autocomplete"] == {**wanted, "password": password}[one["name"]]
            assert not (one["name"] == "password" and one.get("value"))


def test_another_users_things_are_nobody_elses(shop, ann):
    player = shop.client("ann").client_id.hex()
    bob = Passer(shop)
    bob.register("bob")
    assert bob.look(f"/account/players/{player}").status_code == 404
    assert bob.send(f"/account/players/{player}", {}).status_code == 404
    assert shop.stall.clients_of(1) != []
    for path in ("/account", "/account/library", "/account/transactions", "/account/players"):
        assert Passer(shop).look(path).headers["location"] == f"/sign-in?to={path}"


def test_who_signs_in_anew_gets_another_session_and_a_withdrawn_title_keeps_its_name(shop, ann):
    shop.stall.title("Blue", 30)
    ann.send("/titles/1", {"price": "30"})
    with transaction(shop.stall.engine) as connection:
        catalogue.withdraw(connection, 1)
    shop.stall.refund(1, 1, NOW)
    told = Page(ann.look("/account/transactions").text).text
    assert "Given back: Blue" in told and "takes back no.\xa02" in told
    before = ann.cookies["__Host-session"]
    ann.send("/sign-in", {"login": "ann", "password": PASSWORD})
    assert ann.cookies["__Host-session"] != before
    ann.cookies["__Host-session"] = before
    assert ann.look("/account").status_code == 303

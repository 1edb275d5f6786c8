"""`ringcast shop`: cards, titles, accounts, sellers; no card number or key is shown but where it is made."""

import json

import pytest
from headend.shop.passwords import Passwords
from testbed.commands import shop as commands

from tests.helpers.commands import ringcast
from tests.helpers.tunes import tune


@pytest.fixture
def db(tmp_path, monkeypatch):
    monkeypatch.delenv("RINGCAST_MASTER_KEY", raising=False)
    monkeypatch.setattr(commands.shared, "read_password", lambda: "correct horse")
    monkeypatch.setattr(Passwords.__init__, "__defaults__", (1, 8))
    return tmp_path / "shop.db"


def said(*arguments):
    ended = ringcast("shop", *arguments)
    assert ended.status == 0, ended.err
    return ended.out.strip()


def buyer(db, title=1):
    from headend.accounts.engine import open_database
    from headend.accounts.master_key import load_master_key
    from headend.shop.core import Shop

    shop = Shop(open_database(str(db)), load_master_key(db.with_name("shop.db.master-key")))
    shop.redeem(said("card", "new", 100, "--db", db), 1, 1)
    shop.buy(1, title, 2)
    return shop


def test_cards_are_made_and_listed_without_their_numbers(db):
    numbers = said("card", "new", 500, "--count", 3, "--db", db).splitlines()
    assert len(set(numbers)) == 3 and all(len(number) == 19 for number in numbers)
    listed = said("card", "list", "--db", db, "--json")
    assert [line["units"] for line in json.loads(listed)] == [500] * 3
    assert not any(number.replace(" ", "") in listed or number in listed for number in numbers)
    assert "500" in said("card", "list", "--unused", "--db", db)


def test_a_title_is_added_bought_copied_and_given_back(db, tmp_path):
    (tmp_path / "words.txt").write_text("so blue")
    said("taste", "set", "Jazz", "--price", 5, "--db", db)
    arguments = ("--price", 30, "--taste", "Jazz", "--extra", f"lyrics={tmp_path / 'words.txt'}", "--name", "Blue")
    assert said("title", "add", tune("aac"), "--db", db, *arguments) == "title 1: Blue, 30 units"
    (listed,) = json.loads(said("title", "list", "--db", db, "--json"))
    assert (listed["name"], listed["price"], listed["taste"], listed["extras"]["lyrics"]) == (
        "Blue",
        30,
        "Jazz",
        "so blue",
    )
    assert said("account", "new", "Ann", "--db", db) == "user 1"
    shop = buyer(db)
    said("title", "copy", "Ann", 1, tmp_path / "copy.mp4", "--db", db)
    assert (tmp_path / "copy.mp4").read_bytes()[4:8] == b"ftyp"
    assert "balance: 70 units" in said("account", "show", "Ann", "--db", db)
    assert said("account", "refund", "ann", 1, "--db", db) == "30 units given back"
    assert [one["units"] for one in json.loads(said("account", "show", "Ann", "--db", db, "--json"))] == [100, -30, 30]
    assert said("audit", "--db", db) == "the books are right"
    assert shop.balance(1) == 100


def test_books_that_are_wrong_are_told(db):
    from sqlalchemy import text

    said("account", "new", "Ann", "--db", db)
    said("title", "add", tune("aac"), "--price", 30, "--db", db)
    with buyer(db).engine.begin() as connection:
        connection.execute(text("UPDATE accounts SET credit = 71"))
    ended = ringcast("shop", "audit", "--db", db)
    assert (ended.status, ended.complaint) == (1, "ringcast shop audit: 1 faults in the books")
    assert "the balance is 71, the entries say 70" in ended.out


def test_sellers_come_and_go(db):
    assert said("seller", "add", "till", "ab" * 32, "--db", db) == "seller 1"
    assert "already" in ringcast("shop", "seller", "add", "till", "ab" * 32, "--db", db).complaint
    said("seller", "revoke", 1, "--db", db)
    assert ringcast("shop", "seller", "revoke", 1, "--db", db).complaint.endswith("there is no seller 1")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("title", "add", "nothing.mp3", "--price", 3), "nothing.mp3"),
        (("card", "list"), "there is no database"),
        (("account", "show", "Bob"), "there is no database"),
    ],
)
def test_what_cannot_be_done_is_one_line(db, arguments, complaint):
    ended = ringcast("shop", *arguments, "--db", db)
    assert ended.status == 1 and complaint in ended.complaint


def test_a_title_of_an_unknown_taste_is_not_taken_in(db):
    ended = ringcast("shop", "title", "add", tune("aac"), "--price", 3, "--taste", "Folk", "--db", db)
    assert (ended.status, list(db.with_name("shop.db.titles").glob("*.mp4"))) == (1, [])


def test_an_offer_with_an_end_is_made_listed_and_ended(db):
    said("title", "add", tune("aac"), "--price", 30, "--name", "Blue", "--db", db)
    assert said("title", "rent", 1, "--price", 5, "--hours", 48, "--db", db) == "1"
    period = ("--from", "2127-01-01", "--until", "2127-02-01T12:00:00")
    assert said("title", "rent", 1, "--price", 8, *period, "--db", db) == "2"
    first, second = json.loads(said("title", "offers", 1, "--db", db, "--json"))
    assert (first["offer"], first["price"], first["holds_s"], first["ends_ms"]) == (1, 5, 172_800, 0)
    assert (second["begins_ms"], second["ends_ms"]) == (4_954_435_200_000, 4_957_156_800_000)
    assert "2127-02-01 12:00:00" in said("title", "offers", 1, "--db", db)
    said("title", "end-offer", 1, "--db", db)
    assert [one["offer"] for one in json.loads(said("title", "offers", 1, "--db", db, "--json"))] == [2]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("rent", 9, "--price", 5, "--hours", 1), "no such title"),
        (("rent", 1, "--price", 5), "an offer has an end"),
        (("rent", 1, "--price", 5, "--from", "2127-02-01", "--until", "2127-01-01"), "an offer has an end"),
        (("end-offer", 9), "no such"),
    ],
)
def test_an_offer_that_cannot_be_is_refused(db, words, complaint):
    said("title", "add", tune("aac"), "--price", 30, "--name", "Blue", "--db", db)
    ended = ringcast("shop", "title", *words, "--db", db)
    assert ended.status == 1 and complaint in ended.err


def test_a_codec_is_taken_in_listed_and_refused_where_it_is_none_or_older(db, tmp_path):
    from tests.helpers.update_modules import KEY, STRANGER, made

    (tmp_path / "beep.up").write_bytes(made("BEEP_2").octets())
    assert said("codec", "add", tmp_path / "beep.up", "--db", db) == "codec beep: beep version 2 for test"
    assert said("codec", "add", tmp_path / "beep.up", "--db", db, "--signer", KEY.public.hex()).endswith("was there")
    (listed,) = json.loads(said("codec", "list", "--db", db, "--json"))
    assert (listed["codec"], listed["version"], listed["board"], listed["form"]) == ("beep", 2, "test", "Python source")
    assert "test" in said("codec", "list", "--db", db)
    whole = made("BEEP_1").octets()
    for data, more, why in (
        (whole[:-1] + b"\0", (), "altered"),
        (b"none", (), "cut short"),
        (made("TICK_1").octets(), (), "tick is a service"),
        (whole, ("--signer", STRANGER.public.hex()), "not that of this signer"),
        (made("BEEP_8_OF_ANOTHER_CODEC").octets(), (), "by the name beep"),
    ):
        (tmp_path / "wrong.up").write_bytes(data)
        ended = ringcast("shop", "codec", "add", tmp_path / "wrong.up", "--db", db, *more)
        assert ended.status == 1 and why in ended.err and "Traceback" not in ended.err, ended.err
    from headend.updates.module import sign

    (tmp_path / "older.up").write_bytes(sign(KEY, "beep", 1, b"make = 1\n", "beep", "test").octets())
    ended = ringcast("shop", "codec", "add", tmp_path / "older.up", "--db", db)
    assert ended.status == 1 and "version 2 is here" in ended.err
    assert "none.up" in ringcast("shop", "codec", "add", tmp_path / "none.up", "--db", db).err
    assert len(json.loads(said("codec", "list", "--db", db, "--json"))) == 1

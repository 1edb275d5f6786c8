"""`ringcast stream title` and `token`: what an operator sells, and what starts a viewer."""

import json
import shlex

import pytest
from headend.shop.passwords import Passwords
from settop.media import key_text
from testbed.commands import shop as shop_commands

from tests.helpers.commands import ringcast


@pytest.fixture
def db(tmp_path, monkeypatch):
    monkeypatch.delenv("RINGCAST_MASTER_KEY", raising=False)
    monkeypatch.setattr(shop_commands.shared, "read_password", lambda: "correct horse")
    monkeypatch.setattr(Passwords.__init__, "__defaults__", (1, 8))
    return tmp_path / "shop.db"


@pytest.fixture
def film(tmp_path):
    path = tmp_path / "film.ts"
    path.write_bytes(b"G" * 188)
    return path


def said(*arguments):
    ended = ringcast(*arguments)
    assert ended.status == 0, ended.err
    return ended.out.strip()


def complaint(*arguments, status=1):
    ended = ringcast("stream", *arguments)
    assert ended.status == status, ended.err
    return ended.complaint if status == 1 else ended.err


def ann(db, units=0):
    said("shop", "account", "new", "Ann", "--db", db)
    if units:
        shop = shop_commands.shared.open_shop(str(db), None)
        shop.redeem(said("shop", "card", "new", units, "--db", db), 1, 1)


def test_a_title_is_sold_a_token_is_bought_once_and_shown_again(db, film):
    limits = ("--limit", "An evening=6:30", "--limit", "A week=168:80")
    told = said("stream", "title", "add", film, *limits, "--name", "The film", "--server", "rtsp://m:8554", "--db", db)
    assert told == "stream 1: rtsp://m:8554/film, An evening, 6 h, 30 units; A week, 168 h, 80 units"
    (listed,) = json.loads(said("stream", "title", "list", "--db", db, "--json"))
    assert (listed["name"], listed["label"], listed["uri"]) == ("film", "The film", "rtsp://m:8554/film")
    assert [one["price"] for one in listed["limits"]] == [30, 80]
    assert "1: An evening, 6 h, 30 units" in said("stream", "title", "list", "--db", db)
    ann(db, 100)
    assert "--limit NAME takes one of An evening, A week" in complaint("token", "new", "ann", "film", "--db", db)
    bought = ringcast("stream", "token", "new", "ann", "film", "--limit", "An evening", "--db", db)
    assert bought.err.strip().splitlines()[-1] == "ann paid 30 units"
    words = shlex.split(bought.out)
    assert words[:-1] == ["./ringcast", "stream", "play", "rtsp://m:8554/film", "--user", "ann", "--token"]
    assert len(key_text.parse_token(words[-1])[0]) == 56
    again = ringcast("stream", "token", "new", "ann", "film", "--limit", "An evening", "--db", db)
    assert again.out == bought.out and "nothing" in again.err
    shown = said("stream", "token", "show", "Ann", "--db", db)
    assert shown.startswith("film: An evening, until 20") and bought.out.strip() in shown
    (one,) = json.loads(said("stream", "token", "show", "ann", "--db", db, "--json"))
    assert (one["token"], one["user"], one["limit"]) == (words[-1], "ann", "An evening")
    assert "balance: 70 units" in said("shop", "account", "show", "ann", "--db", db)
    assert said("shop", "audit", "--db", db) == "the books are right"
    said("stream", "title", "end", "film", "--db", db)
    assert said("stream", "title", "list", "--db", db) == "none"
    assert bought.out.strip() in said("stream", "token", "show", "ann", "--db", db)


def test_options_beside_the_title_are_taken_and_an_option_that_is_said_goes_before(db, film):
    options = film.with_suffix(".toml")
    options.write_text("name = 'Metropolis'\nprice = 5\n[[limits]]\nname = 'A day'\nhours = 24\n")
    assert said("stream", "title", "add", film, "--db", db, "--server", "rtsp://media.test").startswith(
        "stream 1: rtsp://media.test/film, A day, 24 h, 5 units"
    )
    (listed,) = json.loads(said("stream", "title", "list", "--db", db, "--json"))
    assert listed["label"] == "Metropolis"
    told = said("stream", "title", "add", film, "--db", db, "--limit", "A day=24:7")
    assert told == "stream 1: rtsp://media.test/film, A day, 24 h, 7 units"  # where it was
    options.write_text("free = true\n")
    assert said("stream", "title", "add", film, "--db", db).endswith("24 hours, 24 h, 0 units")
    ann(db)
    bought = ringcast("stream", "token", "new", "ann", "film", "--db", db)
    assert (bought.status, "paid 0 units" in bought.err) == (0, True)
    assert "balance: 0 units" in said("shop", "account", "show", "ann", "--db", db)
    options.write_text("free = true\nclear = true\n")
    assert said("stream", "title", "add", film, "--db", db).endswith("/film, open to everybody")
    assert "needs no token" in complaint("token", "new", "ann", "film", "--db", db)
    assert "open to everybody" in said("stream", "title", "list", "--db", db)
    assert "has no time limits" in complaint("title", "add", film, "--db", db, "--limit", "A day=24:7")


def test_what_cannot_be_sold_is_one_line_and_nothing_is_sold(db, film, tmp_path):
    assert "has no limits" in complaint("title", "add", film, "--db", db)
    assert "there is no file none.ts" in complaint("title", "add", tmp_path / "none.ts", "--db", db)
    assert "is no title" in complaint("title", "add", tmp_path / "film.txt", "--db", db)
    odd = film.with_name("my film.ts")
    odd.write_bytes(b"G" * 188)
    assert "letters, digits" in complaint("title", "add", odd, "--limit", "x=1:1", "--db", db)
    assert "rtsp://HOST" in complaint("title", "add", film, "--limit", "x=1:1", "--server", "http://m", "--db", db)
    for limit in ("x", "x=1", "=1:1", "x=a:1", "x=1:a", "x=nan:1", "x=inf:1", "x=0:1", "x=1e9:1"):
        assert "NAME=HOURS:UNITS" in complaint("title", "add", film, "--limit", limit, "--db", db, status=2)
    assert said("stream", "title", "list", "--db", db) == "none"
    assert "no title 'film' is streamed" in complaint("title", "end", "film", "--db", db)


def test_a_token_that_cannot_be_sold_is_one_line_and_costs_nothing(db, film):
    assert "there is no database" in complaint("token", "show", "ann", "--db", db)
    said("stream", "title", "add", film, "--limit", "A day=24:30", "--db", db)
    assert "there is no account" in complaint("token", "new", "ann", "film", "--db", db)
    ann(db, 20)
    assert "no title 'song' is streamed" in complaint("token", "new", "ann", "song", "--db", db)
    assert "not enough units" in complaint("token", "new", "ann", "film", "--db", db)
    assert said("stream", "token", "show", "ann", "--db", db) == "none"
    assert "balance: 20 units" in said("shop", "account", "show", "ann", "--db", db)

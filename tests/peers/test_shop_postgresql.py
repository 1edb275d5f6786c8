"""The shop's own tests once more, over a PostgreSQL server of this test's (needs its programs and psycopg)."""

import pytest

from tests.helpers import shop as helper
from tests.helpers.postgresql import emptied
from tests.helpers.shop import Stall
from tests.helpers.shop_channel import Ends
from tests.helpers.shop_races import do_business
from tests.helpers.shop_web import Counter
from tests.host import (
    test_shop,
    test_shop_channel,
    test_shop_codecs,
    test_shop_household,
    test_shop_races,
    test_shop_rentals,
    test_shop_web,
    test_shop_web_races,
    test_shop_web_rentals,
)


def takes(test):
    """The names of a test's arguments."""
    return test.__code__.co_varnames[: test.__code__.co_argcount]


SHOP_TESTS = [
    (module, name)
    for module in (test_shop, test_shop_codecs, test_shop_household, test_shop_rentals)
    for name, test in vars(module).items()
    if name.startswith("test_") and takes(test) in (("shop",), ("stall",))
]


@pytest.mark.parametrize(("module", "name"), SHOP_TESTS)
def test_shop_behaves_the_same(module, name, server, monkeypatch):
    monkeypatch.setattr(helper, "new_database", lambda: emptied(server))
    stall = Stall(helper.new_database())
    getattr(module, name)(stall)
    assert stall.audit() == []
    stall.engine.dispose()


CHANNEL_TESTS = [
    (module, name)
    for module in (test_shop_channel, test_shop_rentals)
    for name, test in vars(module).items()
    if name.startswith("test_") and takes(test) == ("ends",)
]


@pytest.mark.parametrize(("module", "name"), CHANNEL_TESTS)
def test_the_channel_behaves_the_same(module, name, server):
    ends = Ends(emptied(server))
    getattr(module, name)(ends)
    ends.stall.engine.dispose()


def test_of_several_that_get_the_same_request_one_answers_it(server):
    test_shop_channel.check_one_of_many_answers(Ends(emptied(server)))


@pytest.mark.parametrize("check", test_shop_races.CHECKS)
def test_of_several_processes_one_gets_it(check, server):
    check(emptied(server))


def test_books_are_right_after_1000_operations_and_10_kills(server):
    url = emptied(server)
    assert do_business(Stall(url), url, rounds=10) == 1000


WEB_TESTS = [
    (module, name)
    for module in (test_shop_web, test_shop_web_rentals)
    for name, test in vars(module).items()
    if name.startswith("test_") and takes(test) == ("shop",)
]


@pytest.mark.parametrize(("module", "name"), WEB_TESTS)
def test_shop_behaves_the_same_by_http(module, name, server, tmp_path):
    with Counter(emptied(server), tmp_path / "shelf") as counter:
        getattr(module, name)(counter)
        assert counter.stall.audit() == []


@pytest.mark.parametrize("check", test_shop_web_races.CHECKS)
def test_of_several_requests_one_gets_it(check, server, tmp_path):
    with Counter(emptied(server), tmp_path / "shelf") as counter:
        check(counter)
        assert counter.stall.audit() == []


@pytest.mark.soak
def test_books_are_right_after_10000_operations_and_100_kills(server):
    url = emptied(server)
    assert do_business(Stall(url), url, rounds=100, seed=2) == 10_000

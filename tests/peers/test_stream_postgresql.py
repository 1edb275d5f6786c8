"""The transaction server's own tests once more, on PostgreSQL (needs its programs and psycopg)."""

import pytest

from tests.helpers.postgresql import emptied
from tests.helpers.shop_web import Counter
from tests.helpers.streams import Kiosk
from tests.host import test_stream_sales, test_stream_sales_races, test_stream_web


def names_of(module, given):
    return [
        name
        for name, test in vars(module).items()
        if name.startswith("test_") and test.__code__.co_varnames[: test.__code__.co_argcount] == (given,)
    ]


@pytest.mark.parametrize("name", names_of(test_stream_sales, "kiosk"))
def test_the_transaction_server_behaves_the_same(name, server):
    kiosk = Kiosk(emptied(server))
    getattr(test_stream_sales, name)(kiosk)
    assert kiosk.audit() == []
    kiosk.engine.dispose()


@pytest.mark.parametrize("check", test_stream_sales_races.CHECKS)
def test_of_several_processes_one_gets_it(check, server):
    check(emptied(server))


@pytest.mark.parametrize("name", names_of(test_stream_web, "shop"))
def test_streams_behave_the_same_by_http(name, server, tmp_path):
    with Counter(emptied(server), tmp_path / "shelf") as counter:
        getattr(test_stream_web, name)(counter)
        assert counter.stall.audit() == []


def test_of_several_requests_for_the_last_units_one_succeeds(server, tmp_path):
    with Counter(emptied(server), tmp_path / "shelf") as counter:
        test_stream_web.check_last_units(counter)

"""A shop that sells streams, on SQLite in memory or wherever a URL says."""

from headend.accounts.engine import transaction
from headend.stream import catalogue
from headend.stream.catalogue import Terms
from headend.stream.sales.core import TransactionServer

from tests.helpers.shop import NOW, Stall, open_shop

SERVER = "rtsp://media.test:8554"
HOUR_MS = 3_600_000
EVENING = Terms("An evening", 6 * 3600, 30)
WEEK = Terms("A week", 7 * 24 * 3600, 80)
FREE = Terms("A day", 24 * 3600, 0)


def open_sales(url):
    """A transaction server as another process has it."""
    return TransactionServer(open_shop(url))


class Kiosk(Stall):
    """A shop with a transaction server, `sales`, and short ways to set things up."""

    def __init__(self, url):
        super().__init__(url)
        self.sales = TransactionServer(self)

    def stream(self, name="film", *limits, label="The film", server=SERVER):
        """A title's number, and the numbers of its time limits in their order."""
        return put_stream(self, name, *limits or (EVENING, WEEK), label=label, server=server)

    def withdraw(self, name="film"):
        with transaction(self.engine) as connection:
            catalogue.withdraw(connection, name)


def put_stream(stall, name, *limits, label="The film", server=SERVER):
    with transaction(stall.engine) as connection:
        number = catalogue.set_title(connection, name, label, server, limits, NOW)
        found = catalogue.stream(connection, number)
    return number, *(one.limit for one in found.limits)

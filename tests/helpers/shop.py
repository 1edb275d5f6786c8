"""A shop with users, cards and titles, on SQLite in memory or wherever a URL says."""

from headend.accounts.engine import open_database, transaction
from headend.accounts.master_key import MasterKey
from headend.shop import catalogue, groups, orders, rentals
from headend.shop.core import Shop
from headend.shop.passwords import Passwords
from headend.shop.seller import Till

MASTER = MasterKey(b"\x5a" * 32)
PASSWORD = "correct horse"
NOW = 1_800_000_000_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
DAY = rentals.Term(holds_s=DAY_MS // 1000)


def new_database():
    """URL of an empty database; the PostgreSQL judge puts its own in this place."""
    return "sqlite://"


def cheap_passwords():
    return Passwords(1, 8)


def open_shop(url):
    return Shop(open_database(url), MASTER, cheap_passwords())


class Stall(Shop):
    """A shop with short ways to set things up."""

    def __init__(self, url):
        super().__init__(open_database(url), MASTER, cheap_passwords())
        self.count = 0

    def user(self, units=0, login=None):
        self.count += 1
        user = self.register_user(login or f"user{self.count}", PASSWORD, NOW)
        if units:
            self.redeem(self.new_card(units, NOW), NOW, user)
        return user

    def group(self, name, price=0):
        with transaction(self.engine) as connection:
            return groups.set_group(connection, name, price)

    def title(self, name="Song X", price=30, group=None, **extras):
        with transaction(self.engine) as connection:
            return catalogue.add_title(connection, name, price, group, f"{name}.mp4", bytes(32), extras, NOW)

    def rental(self, title, price=5, term=DAY):
        """An offer of the title with an end; its number."""
        with transaction(self.engine) as connection:
            return rentals.add_rental(connection, title, price, term)

    def seller(self, name="till"):
        """A seller with a database of its own, known to the shop."""
        till = Till(open_database(), MASTER)
        with transaction(self.engine) as connection:
            number = orders.add_seller(connection, name, till.public_key())
        till._seller_id = number
        return till

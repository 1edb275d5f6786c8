"""Money of accounts, in hundredths. A system sells under its own tables; here is what it costs the account.

Locks are taken in one order: a system's own rows first, the account last.
"""

from settop.errors import LocalError
from sqlalchemy import BigInteger, Connection, Engine, bindparam, insert, select, update

from headend.accounts.engine import transaction
from headend.accounts.models import Account

_PRICE = bindparam("price", type_=BigInteger)
_PAY = (
    update(Account)
    .where(Account.account_id == bindparam("account"), Account.credit.is_(None) | (Account.credit >= _PRICE))
    .values(credit=Account.credit - _PRICE, charged=Account.charged + _PRICE)
)
"""Made once: to put a statement together takes longer than the database does."""


def open_account(connection: Connection, credit: int | None = None) -> int:
    """A new account's id. `credit` None: no limit. Raises LocalError for a negative one."""
    key = connection.execute(insert(Account).values(credit=checked(credit), charged=0)).inserted_primary_key
    assert key is not None
    return int(key[0])


def pay(connection: Connection, account_id: int, price: int) -> bool:
    """Charges `price`, all of it or nothing. False: the credit does not cover it."""
    paid = connection.execute(_PAY, {"account": account_id, "price": price})
    return paid.rowcount == 1


def refund(connection: Connection, account_id: int, price: int) -> None:
    """Gives back what was paid."""
    # NULL + price stays NULL: who has no limit gets no credit.
    connection.execute(
        update(Account)
        .where(Account.account_id == account_id)
        .values(credit=Account.credit + price, charged=Account.charged - price)
    )


def add_credit(connection: Connection, account_id: int, amount: int) -> None:
    """What an account may spend grows by what was paid for before, or shrinks where that is taken back.

    Raises IntegrityError where it would fall below 0.
    """
    change = update(Account).where(Account.account_id == account_id).values(credit=Account.credit + amount)
    connection.execute(change)


def checked(credit: int | None) -> int | None:
    """The credit. Raises LocalError for a negative one."""
    if credit is not None and credit < 0:
        raise LocalError("credit must be 0 or more hundredths")
    return credit


def set_credit(engine: Engine, account_id: int, credit: int | None) -> None:
    """Sets what an account may still spend, in hundredths; None: no limit. Raises LocalError if unknown."""
    change = update(Account).where(Account.account_id == account_id).values(credit=checked(credit))
    with transaction(engine) as connection:
        if not connection.execute(change).rowcount:
            raise LocalError(f"no account {account_id}")


def credit_left(engine: Engine, account_id: int) -> int | None:
    """Credit in hundredths, None for no limit. Raises LocalError if unknown."""
    with transaction(engine) as connection:
        row = connection.execute(select(Account.credit).where(Account.account_id == account_id)).one_or_none()
    if row is None:
        raise LocalError(f"no account {account_id}")
    return row[0]

"""Tables that all systems share: accounts, terminals, secrets and the check of the master key. A system's own
are in its room.

Money in hundredths. No key lies here in clear: `Terminal.sealed_key` and `SealedSecret.sealed` open under
the master key (headend.accounts.master_key). A change of any table is a revision too (headend.accounts.migrations).
"""

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, LargeBinary, MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Base of all tables of all systems. Every constraint has a name, so that a revision can change it."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class MasterKeyCheck(Base):
    """A row for each master key in use, sealed under it: tells a wrong one at once. `check_id` is the key's version.

    There is one; while the key is changed (headend.accounts.rotating) there are two, and the higher one is the newer.
    """

    __tablename__ = "master_key_check"

    check_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sealed: Mapped[bytes] = mapped_column(LargeBinary(24))


class Account(Base):
    """Who pays. `credit` null: pays afterwards, without limit. `charged`: sold by all systems, less refunds."""

    __tablename__ = "accounts"
    __table_args__ = (
        CheckConstraint("credit IS NULL OR credit >= 0", name="credit_valid"),
        CheckConstraint("charged >= 0", name="charged_valid"),
    )

    account_id: Mapped[int] = mapped_column(primary_key=True)
    credit: Mapped[int | None] = mapped_column(BigInteger)
    charged: Mapped[int] = mapped_column(BigInteger)


class Terminal(Base):
    """A provisioned terminal; an account may have several. `key_version`: of the master key that seals `sealed_key`.

    A version that a row refers to cannot be taken away, so that no key is ever left without what opens it.
    """

    __tablename__ = "terminals"

    terminal_id: Mapped[bytes] = mapped_column(LargeBinary(8), primary_key=True)
    sealed_key: Mapped[bytes] = mapped_column(LargeBinary(48))
    key_version: Mapped[int] = mapped_column(ForeignKey("master_key_check.check_id"), index=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("accounts.account_id"), index=True)


class SealedSecret(Base):
    """A secret of any system, which refers to it by its id (headend.accounts.vault)."""

    __tablename__ = "sealed_secrets"

    secret_id: Mapped[bytes] = mapped_column(LargeBinary(16), primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary(88))
    key_version: Mapped[int] = mapped_column(ForeignKey("master_key_check.check_id"), index=True)

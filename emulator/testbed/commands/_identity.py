"""A fresh identity for a board that has just been flashed, over the console that is open already."""

from collections.abc import Sequence
from pathlib import Path

from testbed.commands._dialogue import UNASKED, provision_board
from testbed.commands._master_key import open_master_key
from testbed.commands.provision import open_headend_key, registry_of, settle_tariff
from testbed.deploy.started import BoardConsole


class NewIdentity:
    """Opens the call centre's database at once, so that a wrong name or key is known before the board is touched.

    anew: give a fresh identity also to a board that has one which the database knows; replace: to one that has
    another, and consents. check: only that, make nothing. `headend` is the public key that the board shall trust,
    or None where it is not there yet. `said` has lines for the user after `give`. Raises LocalError as
    `headend.accounts` does.
    """

    def __init__(
        self,
        db: str,
        number: str,
        tariff: str,
        programmes: Sequence[int] | None,
        credit: int | None,
        portion_price: int | None,
        master_key: Path | None,
        headend_key: Path | None = None,
        *,
        anew: bool = False,
        replace: bool = False,
        check: bool = False,
    ) -> None:
        from headend.accounts.engine import open_database
        from headend.provisioning.identities import check_number

        check_number(number)
        self.said: list[str] = []
        self._number, self._tariff, self._credit, self._anew, self._replace = number, tariff, credit, anew, replace
        self._programmes = None if programmes is None else list(programmes)
        self.headend: bytes | None = None
        if check:
            return
        self._engine = open_database(db)
        self._key = open_master_key(self._engine, db, master_key)
        settle_tariff(self._engine, tariff, portion_price, set_up_price=0, currency="EUR")
        self._headend = open_headend_key(db, headend_key)
        self.headend = self._headend.public

    def give(self, console: BoardConsole, ready: str) -> None:
        """Provision the board whose `ready` line this is. Raises RemoteError where it refuses or falls silent."""
        from headend.provisioning import issue

        has = ready.rpartition("terminal=")[2].strip()
        if not self._anew and self._knows(has):
            self.said.append(
                f"terminal {has} is registered in this database already and stays (--new-identity: another)"
            )
            return
        # Whoever sits on this cable has just had the whole program in his hands: a code would tell nothing more.
        registry = registry_of(
            self._engine,
            self._key,
            self._headend,
            lambda: issue(self._engine, self._key, self._number, self._tariff, self._programmes, self._credit),
        )
        terminal = provision_board(console, registry, UNASKED, replace=self._replace)
        covered = "all" if self._programmes is None else " ".join(map(str, sorted(set(self._programmes))))
        self.said.append(f"terminal {terminal.terminal_id.hex()} registered as subscriber {terminal.subscriber_id}")
        self.said.append(f"dials {self._number}, tariff {self._tariff}, programmes {covered}")

    def _knows(self, terminal: str) -> bool:
        from headend.callcentre.models import Subscriber
        from sqlalchemy import select

        try:
            terminal_id = bytes.fromhex(terminal)
        except ValueError:
            return False
        with self._engine.begin() as connection:
            return (
                connection.scalar(select(Subscriber.subscriber_id).where(Subscriber.terminal_id == terminal_id))
                is not None
            )

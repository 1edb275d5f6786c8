"""What goes wrong with the books."""

from settop.errors import LocalError


class LedgerError(LocalError):
    """The database could not be read or written: nothing is known to be charged, so nothing sold may leave."""

"""Which terminal a client is, and which list of its household it has. Within the caller's transaction."""

from settop.wire.household import split
from sqlalchemy import Connection, insert, select, update

from headend.accounts.terminals import DeviceKeys
from headend.shop import household
from headend.shop.models import Client, ClientTerminal
from headend.shop.refusals import NO_TERMINAL, Refused


def note(connection: Connection, client_id: bytes, terminal_id: bytes) -> None:
    """A new client is this terminal, which has proved it by its device key."""
    connection.execute(insert(ClientTerminal).values(client_id=client_id, terminal_id=terminal_id, serial=0))


def terminal_of(connection: Connection, client_id: bytes) -> bytes:
    """Raises Refused for a client that no terminal has registered, or not since that is written down."""
    found = connection.scalar(select(ClientTerminal.terminal_id).where(ClientTerminal.client_id == client_id))
    if found is None:
        raise Refused(NO_TERMINAL)
    return found


def newer_list(connection: Connection, keys: DeviceKeys, client_id: bytes, user_id: int, serial: int) -> bytes:
    """The list of the user's household for the client's terminal; nothing where that is the one of `serial`, which the
    terminal says it has. Raises Refused.
    """
    found = household.list_for(connection, keys, user_id, terminal_of(connection, client_id))
    mine = update(ClientTerminal).where(ClientTerminal.client_id == client_id)
    connection.execute(mine.values(serial=serial))
    return b"" if split(found)[1] == serial else found


def is_due(connection: Connection, client_id: bytes) -> bool:
    """Whether the terminal has said of no newest list that it has it: a list that was lost on its way is due still."""
    columns = select(Client.user_id, ClientTerminal.terminal_id, ClientTerminal.serial)
    look = columns.join(ClientTerminal, ClientTerminal.client_id == Client.client_id)
    found = connection.execute(look.where(Client.client_id == client_id)).one_or_none()
    if found is None or found.user_id is None:
        return False
    newest = household.newest(connection, found.user_id, found.terminal_id)
    return newest is None or newest != int(found.serial)

"""Whoever a closed socket leaves its connection to."""

from testbed.network.tcp.connection import Connection


class Nobody:
    """testbed.network.tcp.connection.Service."""

    def opened(self, conn: Connection) -> None:
        """Too late."""

    def received(self, conn: Connection, data: bytes) -> None:
        """Nobody reads it, and lwIP says so: the other end need not send the rest."""
        conn.abort()

    def closed(self, conn: Connection) -> None:
        """As it should be."""

"""Which terminal each client of the shop is.

A table of its own: SQLite adds a column only behind all else, and would have the tables that refer to it made anew.
"""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0009"
down_revision = "0008"


def upgrade(op: Operations) -> None:
    op.create_table(
        "shop_client_terminals",
        sa.Column("client_id", sa.LargeBinary(8), nullable=False),
        sa.Column("terminal_id", sa.LargeBinary(8), nullable=False),
        sa.Column("serial", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["shop_clients.client_id"], name="fk_shop_client_terminals_client_id_shop_clients"
        ),
        sa.PrimaryKeyConstraint("client_id", name="pk_shop_client_terminals"),
    )

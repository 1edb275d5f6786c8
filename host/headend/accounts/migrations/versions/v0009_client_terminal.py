"""Which terminal registered a client of the shop."""

import sqlalchemy as sa
from alembic.operations import Operations

revision = "0009"
down_revision = "0008"


def upgrade(op: Operations) -> None:
    op.add_column("shop_clients", sa.Column("terminal_id", sa.LargeBinary(8)))

"""When an exchange was opened, for whoever follows it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add the time; of exchanges from before it is not known."""
    op.add_column("exchanges", sa.Column("opened", NUMBER, nullable=True))

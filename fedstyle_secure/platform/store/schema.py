"""What the tables of all modules have in common."""

from typing import Final

from sqlalchemy import BigInteger, Integer, MetaData

METADATA: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""Every table. Each step of `migrations` changes a database as the tables were changed; a test compares them."""

NUMBER: Final = BigInteger().with_variant(Integer, "sqlite")
"""A whole number of 63 bits; as a primary key it counts up by itself, which SQLite does for INTEGER only."""

"""Steps from one schema to the next; alembic runs them in the order in which each names the one before."""

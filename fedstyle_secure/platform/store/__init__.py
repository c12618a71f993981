"""All that a platform keeps, in one database: SQLite in a file, or PostgreSQL by URL.

A module for each subject holds its tables and what is done with them, as functions of a connection: whoever calls them
decides what belongs into one transaction. `database` opens, `writer` commits for many at once, `migrations` holds every
step from one schema to the next. SQLAlchemy is imported nowhere else.
"""

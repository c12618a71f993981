from collections.abc import Callable, Iterator

import pytest

from fedstyle_secure.platform.store.database import Database


@pytest.fixture
def database(new_url: Callable[[], str]) -> Iterator[Database]:
    database = Database.open(new_url())
    yield database
    database.close()

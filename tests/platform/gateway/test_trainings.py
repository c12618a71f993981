"""A training is public by its digest, and its roster is not."""

import json
from contextlib import closing
from hashlib import sha256

import pytest

from fedstyle_secure.platform.gateway.trainings import training_routes
from fedstyle_secure.platform.store.database import Database
from fedstyle_secure.platform.store.trainings import Roster, add_generation, add_training
from fedstyle_secure.transparency.leaves import commit_roster
from fedstyle_secure.wire.fetching import Fetcher, MissingError
from fedstyle_secure.wire.trainings import PublicFacts
from tests.platform.gateway.served import serving
from tests.wire.test_bodies import FACTS


def test_fac1_a_training_is_shown_by_its_digest_without_who_is_in_it(new_url):
    with closing(Database.open(new_url())) as database:
        with database.writing() as connection:
            add_generation(connection, Roster(number=FACTS.generation, salt=FACTS.salt, leaf=1, members=()))
            add_training(connection, FACTS, leaf=2, start=b"", signature=FACTS.prototype, attempts=1)
        with serving(lambda _address: [training_routes(database)]) as address:
            fetch = Fetcher(address).get
            shown = fetch(f"/v1/trainings/{FACTS.digest.hex()}")
            for wrong in (bytes(32).hex(), FACTS.digest.hex().upper(), "x", f"{FACTS.digest.hex()}0"):
                with pytest.raises(MissingError):
                    fetch(f"/v1/trainings/{wrong}")
    assert sha256(shown).digest() == FACTS.digest
    public = PublicFacts.decode(shown)
    assert (public.plan, public.members) == (FACTS.plan, len(FACTS.roster))
    assert public.commitment == commit_roster(FACTS.roster, FACTS.salt)
    assert "roster" not in json.loads(shown)

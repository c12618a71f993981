"""Tokens, identities, and what an artist does with them."""

from fedstyle_secure.platform.store import artists
from fedstyle_secure.platform.store.artists import Entry, Newcomer, TokenState
from fedstyle_secure.platform.store.files import keep_file, read_file

TOKEN, KEY, OTHER = b"t" * 32, b"k" * 32, b"o" * 32


def newcomer(name="Zoë"):
    return Newcomer(name=name, folded=name.casefold(), link=None, terms=b"{}")


def entry(key=KEY, leaf=5):
    return Entry(key=key, leaf=leaf, salt=b"s" * 32)


def enrolled(database, token=TOKEN, key=KEY, label="zoe", name="Zoë", now=100):
    with database.writing() as connection:
        artists.add_token(connection, digest=token, label=label, expires=1000)
        artists.enrol(connection, token=token, label=label, newcomer=newcomer(name), identity=entry(key), now=now)


def state(database, token=TOKEN, identity=KEY, now=100):
    with database.writing() as connection:
        return artists.check_token(connection, token, identity=identity, now=now)[0]


def speaker(database, key=KEY):
    with database.reading() as connection:
        return artists.find_identity(connection, key)


def test_tok1_a_token_enrols_one_identity_once(database):
    assert state(database) is TokenState.UNKNOWN
    with database.writing() as connection:
        artists.add_token(connection, digest=TOKEN, label="zoe", expires=1000)
    assert state(database, now=999) is TokenState.FRESH
    assert state(database, now=1000) is TokenState.EXPIRED
    with database.writing() as connection:
        artists.enrol(connection, token=TOKEN, label="zoe", newcomer=newcomer(), identity=entry(), now=100)
    assert state(database, identity=OTHER) is TokenState.USED
    assert state(database, identity=KEY, now=2000) is TokenState.AGAIN


def test_tok1_a_revoked_token_enrols_nobody(database):
    with database.writing() as connection:
        artists.add_token(connection, digest=TOKEN, label="zoe", expires=1000)
        assert artists.revoke_tokens(connection, "zoe") == 1
        assert artists.revoke_tokens(connection, "zoe") == 0
    assert state(database) is TokenState.REVOKED


def test_a_newer_token_of_a_label_revokes_the_older(database):
    with database.writing() as connection:
        for token in (TOKEN, OTHER):
            artists.add_token(connection, digest=token, label="zoe", expires=1000)
    assert [state(database, token) for token in (TOKEN, OTHER)] == [TokenState.REVOKED, TokenState.FRESH]


def test_tok2_a_new_identity_of_the_same_artist_retires_the_old_one(database):
    enrolled(database)
    first = speaker(database)
    assert (first.label, first.instance, first.act) == ("zoe", 0, 0)
    enrolled(database, token=b"u" * 32, key=OTHER)
    assert speaker(database) is None
    assert speaker(database, OTHER).artist == first.artist
    with database.writing() as connection:
        artists.replace_identity(connection, first.artist, entry(b"n" * 32, leaf=6), now=200)
    assert speaker(database, OTHER) is None
    with database.writing() as connection:
        artists.retire(connection, first.artist, now=300)
    assert speaker(database, b"n" * 32) is None
    with database.reading() as connection:
        assert [artists.find_entry(connection, key) for key in (KEY, b"n" * 32, b"x")] == [
            entry(),
            entry(b"n" * 32, leaf=6),
            None,
        ]
        assert artists.active_entry(connection, "zoe") is None


def test_a_name_is_one_artists(database):
    enrolled(database)
    with database.reading() as connection:
        assert artists.is_name_taken(connection, "zoë", "another")
        assert not artists.is_name_taken(connection, "zoë", "zoe")


def test_one_start_of_an_agent_is_at_work(database):
    enrolled(database)
    claims = [(1, b"a", True), (1, b"a", True), (1, b"b", False), (3, b"b", True), (2, b"c", False), (1, b"a", False)]
    for number, start, is_claimed in claims:
        with database.writing() as connection:
            assert artists.claim_instance(connection, KEY, number=number, start=start) is is_claimed


def test_the_last_act_is_remembered(database):
    enrolled(database)
    with database.writing() as connection:
        artists.note_act(connection, KEY, number=7, digest=b"d", answer=b"a")
    found = speaker(database)
    assert (found.act, found.act_digest, found.act_answer) == (7, b"d", b"a")


def test_the_operators_list(database):
    enrolled(database)
    with database.writing() as connection:
        artists.add_token(connection, digest=OTHER, label="ann", expires=1000)
    with database.reading() as connection:
        listed = artists.list_artists(connection)
    assert [(artist.label, artist.name, artist.identity) for artist in listed] == [
        ("ann", None, None),
        ("zoe", "Zoë", KEY),
    ]


def test_a_file_is_kept_once_under_its_digest(database):
    with database.writing() as connection:
        digest = keep_file(connection, b"a model")
        assert keep_file(connection, b"a model") == digest
        assert read_file(connection, digest) == b"a model"
        assert read_file(connection, bytes(32)) is None

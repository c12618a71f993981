"""DRW-1: what a session's beacon is in a log."""

from fedstyle_secure.transparency.draws import newest_draw, root_of_draw
from fedstyle_secure.transparency.leaves import Drawn, Epoch, Joined
from fedstyle_secure.transparency.tree import Tree

BEGUN = [Epoch(number=1, size=0, root=bytes(32)), Joined(commitment=bytes(32))]


def encoded(*leaves):
    return [leaf.encode() for leaf in (*BEGUN, *leaves)]


def test_drw1_a_session_is_drawn_by_the_first_entry_that_says_so_and_by_nothing_after_it():
    drawn = encoded(Drawn(session=4))
    root = root_of_draw(drawn, 4)
    assert root == Tree(drawn).root()
    later = [*drawn, *encoded(Drawn(session=4), Drawn(session=9))[2:]]
    assert root_of_draw(later, 4) == root
    assert root_of_draw(later, 9) == Tree(later).root()


def test_what_was_not_drawn_has_no_root():
    assert root_of_draw(encoded(Drawn(session=4)), 5) is None
    assert root_of_draw([], 1) is None
    assert (newest_draw(encoded()), newest_draw(encoded(Drawn(session=7), Drawn(session=3)))) == (0, 7)

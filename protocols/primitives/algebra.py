"""Sparse linear algebra modulo the prime 2^61 - 1: which combinations cancel, and what they span.

ALG-1  A vector maps positions to coefficients from 1 to PRIME - 1; zeros are never stored.
ALG-2  While every client uploads once, a mask is +1 in one upload and -1 in at most one other: such matrices are
       totally unimodular, and what cancels modulo 2^61 - 1 is what cancels modulo any 2^b. With repeated uploads the
       two may differ by combinations with even coefficients; no honest client repeats one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import comb
from typing import TypeAlias

PRIME = 2**61 - 1
"""The modulus."""
Vector: TypeAlias = dict[int, int]
"""A sparse vector (ALG-1)."""

_SUBSETS = 20_000  # sets of columns that `lightest` goes through, at most: seconds
_SCALES = 64  # multiples that `as_integers` tries


def cancelling(columns: Iterable[Mapping[int, int]], rows: int) -> list[Vector]:
    """Finds all combinations of rows in which every column cancels: a basis of the left null space.

    Each row's coefficient is kept as a linear form of those that are still free; every column is one equation, which
    makes a free coefficient a form of the others. A mask has two uploads, so forms stay short: about one step for each
    entry of the matrix.

    Args:
        columns: Each by row.
        rows: Their number.

    Returns:
        Combinations, by row.
    """
    forms: list[Vector] = [{row: 1} for row in range(rows)]
    users = {row: {row} for row in range(rows)}  # in which forms a free coefficient occurs
    for column in sorted(columns, key=len):
        equation: Vector = {}
        for row, coefficient in column.items():
            _add(equation, forms[row], coefficient)
        if not equation:
            continue
        pivot = min(equation, key=lambda free: len(users[free]))
        inverse = pow(equation.pop(pivot), -1, PRIME)
        for row in users.pop(pivot):
            factor = -forms[row].pop(pivot) * inverse
            _add(forms[row], equation, factor)
            for free in equation:
                (users[free].add if free in forms[row] else users[free].discard)(row)
    return [{row: forms[row][free] for row in sorted(users[free])} for free in sorted(users)]


def reduce(vectors: Iterable[Mapping[int, int]]) -> list[Vector]:
    """Returns the reduced row echelon form: each vector starts with 1, where all others have nothing; in order."""
    basis: dict[int, Vector] = {}
    for vector in vectors:
        rest = {position: value % PRIME for position, value in vector.items() if value % PRIME}
        for start in rest.keys() & basis.keys():
            _add(rest, basis[start], -rest[start])
        if not rest:
            continue
        start = min(rest)
        inverse = pow(rest[start], -1, PRIME)
        rest = {position: value * inverse % PRIME for position, value in rest.items()}
        for other in basis.values():
            if start in other:
                _add(other, rest, -other[start])
        basis[start] = rest
    return [basis[start] for start in sorted(basis)]


def parts(basis: Sequence[Mapping[int, int]]) -> list[list[Mapping[int, int]]]:
    """Splits vectors into parts that have no position in common: a combination with the fewest positions is in one.

    Args:
        basis: In reduced form; otherwise a part may be one that combinations would split.

    Returns:
        The vectors of each part.
    """
    divided: list[tuple[set[int], list[Mapping[int, int]]]] = []
    for vector in basis:
        positions, members, apart = set(vector), [vector], []
        for part in divided:
            if part[0].isdisjoint(vector):
                apart.append(part)
            else:
                positions |= part[0]
                members = part[1] + members
        divided = [*apart, (positions, members)]
    return [members for _, members in divided]


def lightest(basis: Sequence[Mapping[int, int]]) -> Vector:
    """Finds a combination with few non-zero positions: the fewest, unless there are too many subspaces to look at.

    A combination with the fewest positions is, up to a factor, the only one that vanishes on some set of positions.
    Positions with proportional columns vanish together and are looked at as one. When more than 20,000 sets are to be
    gone through, only the vectors of the basis and their pairwise sums and differences are compared.

    Args:
        basis: Linearly independent vectors, at least one; positions from 0.

    Returns:
        The combination.
    """
    weights = _weights(basis)
    # One position stands for all that are alike; negative ones keep track of which combination a vector is.
    code = [
        {position: value for position, value in vector.items() if position in weights} | {-1 - number: 1}
        for number, vector in enumerate(basis)
    ]
    candidates = _vanishing(code, list(weights)) if is_searchable(basis) else _pairs(code)
    best = min(candidates, key=lambda vector: sum(weights.get(position, 0) for position in vector))
    combination: Vector = {}
    for number, vector in enumerate(basis):
        _add(combination, vector, best.get(-1 - number, 0))
    return combination


def is_searchable(basis: Sequence[Mapping[int, int]]) -> bool:
    """Whether `lightest` goes through all combinations of this basis, so that there is none with fewer positions."""
    return comb(len(_weights(basis)), len(basis) - 1) <= _SUBSETS


def as_integers(vector: Mapping[int, int]) -> Vector:
    """Scales a vector that starts with 1 to small positive and negative integers, if there are any."""
    scaled = [{position: _centered(value * scale) for position, value in vector.items()} for scale in range(1, _SCALES)]
    return min(scaled, key=lambda candidate: max(map(abs, candidate.values())))


def _add(target: Vector, vector: Mapping[int, int], factor: int) -> None:
    """Adds a multiple of a vector in place."""
    for position, value in vector.items():
        total = (target.get(position, 0) + factor * value) % PRIME
        if total:
            target[position] = total
        else:
            target.pop(position, None)


def _centered(value: int) -> int:
    value %= PRIME
    return value - PRIME if value > PRIME // 2 else value


def _weights(basis: Sequence[Mapping[int, int]]) -> dict[int, int]:
    """One position for all that have proportional columns, and how many those are."""
    alike: dict[tuple[int, ...], list[int]] = {}
    for position in sorted(set().union(*basis)):
        alike.setdefault(_direction([vector.get(position, 0) for vector in basis]), []).append(position)
    return {positions[0]: len(positions) for positions in alike.values()}


def _direction(column: Sequence[int]) -> tuple[int, ...]:
    """The same for proportional columns."""
    inverse = pow(next(value for value in column if value), -1, PRIME)
    return tuple(value * inverse % PRIME for value in column)


def _vanishing(code: list[Vector], positions: Sequence[int]) -> Iterator[Vector]:
    """All combinations that are determined by the positions, out of those given, on which they vanish."""
    if len(code) == 1:
        yield code[0]
        return
    for number, position in enumerate(positions):
        pivot = next((vector for vector in code if position in vector), None)
        if pivot is None:
            continue
        inverse = pow(pivot[position], -1, PRIME)
        smaller = []
        for vector in code:
            if vector is not pivot:
                smaller.append(dict(vector))
                _add(smaller[-1], pivot, -vector.get(position, 0) * inverse)
        yield from _vanishing(smaller, positions[number + 1 :])


def _pairs(basis: Sequence[Mapping[int, int]]) -> Iterator[Vector]:
    for number, vector in enumerate(basis):
        yield dict(vector)
        for other in basis[:number]:
            for factor in (1, -1):
                combination = dict(vector)
                _add(combination, other, factor)
                yield combination

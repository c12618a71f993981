"""Who shares secrets and masks with whom: the complete graph, in which everyone is everyone's neighbor."""


def neighbors(clients: int, index: int) -> frozenset[int]:
    """Returns the indices of the clients with which client `index` of `clients` shares secrets and masks."""
    return frozenset(range(clients)) - {index}

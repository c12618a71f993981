"""A symbolic model of key flow and masking, searched to the end: all moves of a lying network in small scenarios.

`python -m threat_models.symbolic` searches `model.maude`, the five rounds, and `windows.maude`, speaking once, with
Maude: nothing may be found while all checks are on, and an attack must be found where the named checks are off. It is
not a proof: few clients, a complete graph, perfect cryptography, and no moves but those that the model gives the
server.
"""

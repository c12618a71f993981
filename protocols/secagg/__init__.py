"""Secure aggregation with double masks (Bonawitz et al., CCS 2017), in the variant against a server that may lie.

Five rounds: AdvertiseKeys, ShareKeys, MaskedInput, ConsistencyCheck, Unmasking. Read `messages` for everything that
crosses the wall between a client and the server, `states` for the order in which it may cross.
"""

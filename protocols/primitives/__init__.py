"""The cryptography of the protocol: pure functions over bytes and integers, each file a stranger to the others.

The one exception is `shamir`, which computes in the field of `field`.
"""

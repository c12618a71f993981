"""The engine over syft (PySyft): sealed envelopes as encrypted, permissioned files in a folder, with nobody on line.

What is here is loaded when it is asked for, and nothing else loads syft.
"""

from .engine import open_local as open_local

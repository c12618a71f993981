"""The artist's house: what an artist keeps never leaves it."""

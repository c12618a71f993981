"""The platform's process: it keeps, serves and drives.

It holds models, sums and published signatures; never an artwork, an unmasked update or an artist's key.
"""

"""The one door to secure aggregation: an artist's noisy update goes in, one aggregate comes out.

`masking` is the artist's side, `summing` the server's, which an artist's machine never loads; `session` holds what both
agree on, `transcripts` what was written down.
"""

"""The desk: an artist's features become per-artwork contributions; nothing here leaves the artist's machine."""

"""The library and the reading room: signed-up artists are found by style."""

"""One run on this machine, from artworks to a catalogue, and what is asked of it afterwards."""

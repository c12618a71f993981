"""The engine over Flower: its fleet carries the letters, and its own aggregation is not used."""

"""The studio: an artwork becomes style features; the image stays behind."""

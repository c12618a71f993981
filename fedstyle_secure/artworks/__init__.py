"""The gate: files become artworks; paths, EXIF and every other metadata stay outside."""

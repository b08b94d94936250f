"""imagine.art's key-based API."""

"""imagine.art."""

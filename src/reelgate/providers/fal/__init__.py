"""fal's queue: any of its video models by one key."""

"""Who carries which video."""

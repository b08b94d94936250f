"""Carries a video from its row to its file."""

"""Runs a job: a video from its row to its file."""

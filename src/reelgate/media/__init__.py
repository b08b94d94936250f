"""Finished videos: fetched, checked, kept and served."""

"""Kling's own API."""

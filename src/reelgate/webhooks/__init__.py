"""Webhooks: telling others that a video changed, at least once and in order."""

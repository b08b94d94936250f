"""Reelgate: one request in, one finished video out."""

"""Luma's Dream Machine."""

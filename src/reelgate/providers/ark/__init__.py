"""Seedance at BytePlus ModelArk, and at Volcengine Ark."""

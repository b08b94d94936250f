"""Requests to other hosts: one client, guarded targets, no secrets in what is logged."""

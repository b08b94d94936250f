"""Breaks a running cluster in every way we know of, and audits what is left.

`python -m chaos --help` says how; docs/guarantees.md says what is promised.
"""

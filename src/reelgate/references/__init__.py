"""Reference pictures: from wherever the caller has them to where the upstream can read them."""

from reelgate.references.desk import References, open_references

__all__ = ["References", "open_references"]

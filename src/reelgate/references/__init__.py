"""Reference pictures: from wherever the caller has them to where the upstream can read them."""

from reelgate.references.desk import References, open_references
from reelgate.references.fetch import Read

__all__ = ["Read", "References", "open_references"]

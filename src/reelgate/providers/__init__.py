"""The upstreams that make videos."""

"""The commands, one to a file; `registry.py` lists them."""

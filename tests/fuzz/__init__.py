"""Parsers of foreign input, fed with made-up input: `make fuzz`."""

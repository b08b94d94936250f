"""How much may be asked of an upstream account and by an API key."""

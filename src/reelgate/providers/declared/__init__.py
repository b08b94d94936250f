"""A provider that is declared in the configuration file alone."""

"""What only Postgres needs; loaded only where it is used."""

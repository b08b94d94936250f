"""What the gateway is about, without a database, a socket or a framework."""

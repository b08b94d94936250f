"""What the gateway tells those who run it: metrics and traces."""

"""API keys, quotas, backpressure and retention."""

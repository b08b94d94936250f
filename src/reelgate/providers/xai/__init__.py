"""xAI: Grok's video models."""

"""OpenRouter: the video models of many vendors by one key."""

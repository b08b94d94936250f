"""Real MP4s made from text: what the sandbox shows instead of a generated video."""

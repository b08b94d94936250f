"""The gateway as tools for agents: the Model Context Protocol, spoken by the official SDK."""

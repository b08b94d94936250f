"""The chaos command: its auditor must be able to find what it looks for."""

"""The vendors' own SDKs against our stand-ins."""

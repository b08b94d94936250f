"""The one place that builds objects: from the settings to a gateway at work."""

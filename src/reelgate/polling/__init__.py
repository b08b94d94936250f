"""When to poll a running job, how far it is and how long it still takes: pure functions of data."""

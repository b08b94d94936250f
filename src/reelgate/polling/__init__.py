"""When to look at a running job next, how far it is and how long it still takes."""

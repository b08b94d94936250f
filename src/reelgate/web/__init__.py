"""The playground: the static files of the page at `/`."""

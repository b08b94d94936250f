"""Reference pictures: from the caller to where the upstream can read them."""

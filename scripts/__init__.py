"""Programs for working on Reelgate; none of them is installed with it."""

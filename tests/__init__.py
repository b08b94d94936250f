"""The tests: each reads as a sentence about what a user relies on."""

"""The wis command line."""

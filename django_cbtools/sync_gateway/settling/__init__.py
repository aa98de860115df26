"""Settles writes whose answer was lost, so that each is done once."""

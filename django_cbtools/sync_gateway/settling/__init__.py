"""Writes whose answer was lost: each is done once, whatever happens on the way."""

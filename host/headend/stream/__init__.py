"""Titles for those who have a token for them: what a token says, and the keys of each connection."""

"""Runs before main.py. Everything the terminal needs is set up in settop.app; this file only keeps the place."""

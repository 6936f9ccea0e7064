"""Engines beside the local one: who trains and measures what a session misses."""

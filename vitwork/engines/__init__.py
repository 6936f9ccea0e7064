"""Engines besides the local one: they train and measure what a session lacks on other machines."""

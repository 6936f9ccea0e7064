"""Images that are drawn, so that claims can be tested without any data."""

VERSION = 2
"""Raised whenever the drawing changes, so that results on different images never share a key."""

SIZE = 16
"""Side in pixels, where none is asked for."""

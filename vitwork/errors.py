"""Errors that a user can act on."""


class VitworkError(Exception):
    """A condition that the user can mend; its message is one clear sentence, shown without a traceback."""

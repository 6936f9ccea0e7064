"""``vitwork analyse``: every analysis on one model, of the user's or of timm's. Imports torch only to compute."""

from vitwork.analyse.command import analyse, positive

__all__ = ["analyse", "positive"]

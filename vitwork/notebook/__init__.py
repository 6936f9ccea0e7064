"""Results in notebooks: `vitwork.load` and `vitwork.compare`, with pandas frames and figures."""

from vitwork.notebook.comparison import Comparison, compare
from vitwork.notebook.loaded import Loaded, LoadedClaim, load

__all__ = ["Comparison", "Loaded", "LoadedClaim", "compare", "load"]

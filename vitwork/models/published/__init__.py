"""Networks that others have trained: which there are, where their weights lie, and how they are loaded."""

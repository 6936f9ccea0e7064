"""Published pretrained networks: which exist, where their weights are stored, and how they are loaded."""

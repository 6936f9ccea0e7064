"""``vitwork buildup``: finds where MSA blocks help a convolution network, by the paper's build-up rule."""

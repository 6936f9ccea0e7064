"""The claims, one file per chapter of the paper. A package, so that its files may be called like the suite's own tests.

``assert sentence`` is the paper's own reading: such sentences decide together, and every one has to hold.
``assert control(sentence, "under a condition")`` qualifies the verdict and never decides.

A control on the same networks stands in the claim's own test. One on other networks stands in a test of its own, so that a
profile without them lacks it alone; so do the further networks in which the paper sees what it states of a ResNet or a ViT.
"""

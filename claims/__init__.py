"""The claims, one file per chapter of the paper. A package, so that its files may be named like the suite's own tests.

``assert sentence`` is the paper's own reading: such sentences decide together, and every one has to hold.
``assert control(sentence, "under a condition")`` qualifies the verdict and never decides.

A control on the same networks is part of the claim's own test. A control on other networks has its own test, so that a
profile without them lacks only that control. The same holds for further networks in which the paper sees what it states
about a ResNet or a ViT.
"""

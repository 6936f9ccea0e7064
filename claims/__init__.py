"""The claims, one file per chapter of the paper. A package, so that its files may be called like the suite's own tests."""

"""`python -m vitwork` is `vitwork`: what torchrun starts."""

import sys

from vitwork.cli import main

if __name__ == "__main__":
    sys.exit(main())

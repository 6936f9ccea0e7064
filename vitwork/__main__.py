"""Makes `python -m vitwork` the command `vitwork`, in the form that torchrun starts."""

import sys

from vitwork.cli import main

if __name__ == "__main__":
    sys.exit(main())

"""``python -m ratiogan`` is the command ``ratiogan``."""

import sys

from ratiogan.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

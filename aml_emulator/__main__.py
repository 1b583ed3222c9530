"""``python -m aml_emulator``."""

import sys

from aml_emulator.cli import main

if __name__ == "__main__":
    sys.exit(main())

"""Run the training of helloworld: see `src.training.helloworld.helloworld_training`."""

import sys

from src.common.console import run_script
from src.training.helloworld.helloworld_training import main

if __name__ == "__main__":
    sys.exit(run_script(main))

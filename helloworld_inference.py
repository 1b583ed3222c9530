"""Run the inference of helloworld: see `src.inference.helloworld.helloworld_inference`."""

import sys

from src.common.console import run_script
from src.inference.helloworld.helloworld_inference import main

if __name__ == "__main__":
    sys.exit(run_script(main))

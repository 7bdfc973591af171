#!/usr/bin/env python3
"""Starts the upstream simulator; see README.md beside this file."""

import sys
from pathlib import Path

# This script and the package share a name: the package must win, so its parent takes the place of this directory.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

from simulator.main import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())

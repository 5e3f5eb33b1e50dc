"""``python -m imgvet``: the command line."""

import sys

from imgvet.cli.main import main

if __name__ == "__main__":  # not where a process that was spawned imports this
    sys.exit(main())

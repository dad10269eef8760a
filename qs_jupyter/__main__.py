"""``python -m qs_jupyter TOOL …``: the tools where no command was installed."""

from __future__ import annotations

import sys

from qs_jupyter.cli.qs_jupyter import main

if __name__ == "__main__":
    sys.exit(main())

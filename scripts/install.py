"""Create or complete the two environments: `python3 -m scripts.install [app] [backend] [app-dev] [backend-dev]`.

What is already there and unchanged is left alone, without calling pip. Does the same as the first part of `make demo`.
"""

from scripts.supported import require_supported_python

require_supported_python()

import sys  # noqa: E402

from scripts.installing import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`make demo`: from a clone to a chat in the browser, with vLLM on the CPU.

    python3 -m scripts.demo     (MODEL, PORT and BACKEND_PORT come from the environment; `make` hands them on)

Installs what is missing, starts vLLM and the page, prints the address once a question would be answered, and ends
everything it started on Ctrl-C or when either half fails. Limits: Linux; the CPU build of vLLM, GPU or not.
"""

from scripts.supported import require_supported_python

require_supported_python()

import sys  # noqa: E402

from scripts.launch import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())

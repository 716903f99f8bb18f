"""The edge of a command: what becomes of its output when that can't be written. The standard library alone.

    if __name__ == "__main__":
        exit_with(main)         # in place of sys.exit(main())

Limits: it is for what is printed. Signals, and errors that have nothing to do with output, stay what they are.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable
from typing import NoReturn

NO_READER = 128 + 13  # what a shell says of a program that SIGPIPE has ended


def exit_with(main: Callable[[], int]) -> NoReturn:
    """End the process with what `main` returns.

    A character that the terminal's encoding lacks is printed as "?". Whoever stops reading (`| head -1`) ends the
    command without a word; a full disk ends it with a sentence.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):  # None where standard output is closed
        sys.stdout.reconfigure(errors="replace")
    try:
        try:
            code = main()
        finally:  # argparse, too, prints and exits: --help | head -1
            if sys.stdout is not None:
                sys.stdout.flush()
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.ENOSPC):
            raise
        # what is still in the buffer would fail once more when Python ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno == errno.EPIPE:
            sys.exit(NO_READER)
        print(f"The output can't be written: {error.strerror}. Free some space, or write elsewhere.", file=sys.stderr)
        code = 2
    sys.exit(code)

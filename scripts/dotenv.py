"""Read `.env` without a package, as far as the launcher needs it (a key that the app and vLLM share).

Understands KEY=VALUE, `export`, quotes, comments, a byte order mark and Windows line ends; no continuation lines.
"""

from __future__ import annotations

import re
from pathlib import Path

_LINE = re.compile(r"""\s*(?:export\s+)?(\w+)\s*=\s*(?:'([^']*)'|"([^"]*)"|([^#\r\n]*?))\s*(?:\s#.*)?$""")


def read_dotenv(file: Path) -> dict[str, str]:
    """Its settings; nothing where there is no such file."""
    try:
        text = file.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return {}
    found = (_LINE.match(line) for line in text.splitlines())
    return {m[1]: m[2] or m[3] or m[4] or "" for m in found if m}

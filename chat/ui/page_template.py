"""Chainlit's HTML page, made to be seen at once, by itself, and in the user's language.

- Links to other hosts are gone: Chainlit's template names a font and the style of formulas on public CDNs. Fonts come
  from the system; formulas are drawn as MathML (`public/formulas.css`).
- `page_head.html` comes first. It sets language and theme before anything is painted, and holds the names that
  `public/a11y.js` gives to controls; what it draws stands until Chainlit's own page, 4.6 MB of script, has begun.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from chainlit import server

from chat.texts import LANGUAGES, group

HEAD = Path(__file__).with_name("page_head.html")
BODY = Path(__file__).with_name("page_body.html")
_FOREIGN_LINK = re.compile(r'<link[^>]*href="https://[^>]*>\s*')
_chainlits_template: Callable[[str], str] = server.get_html_template


def html_template(root_path: str) -> str:
    """The page. `root_path` is where it is mounted, "" or "/chat"."""
    page = _FOREIGN_LINK.sub("", _chainlits_template(root_path))
    names = json.dumps({language: group(language, "page_") for language in LANGUAGES}, ensure_ascii=False)
    head = HEAD.read_text(encoding="utf-8").replace("NAMES", names.replace("</", "<\\/"))
    body = BODY.read_text(encoding="utf-8")
    page = page.replace('<meta charset="UTF-8" />', f'<meta charset="UTF-8" />\n{head}', 1)
    return page.replace('<div id="root"></div>', body.replace('"/public/', f'"{root_path.rstrip("/")}/public/'), 1)


def install() -> None:
    """Put it in place of Chainlit's."""
    server.get_html_template = html_template

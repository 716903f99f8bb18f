"""One change to Chainlit's script: who draws Markdown can be replaced (public/markdown_parts.js does).

Chainlit parses the whole answer anew with each piece that comes, and builds all of it anew on the page: with 10,000
tokens, most of a second each time. There is no hook for it. Of a script of another build, nothing is changed.
"""

from __future__ import annotations

import re

# `Md=({allowHtml:a,…,children:f})=>{const g=React.useContext(…)…return jsx.jsx("pre"…` … `,Ns=Object.freeze(…Md})`
_COMPONENT = re.compile(
    r"(?P<name>[\w$]+)(?P<head>=\(\{allowHtml:[\w$]+,latex:[\w$]+,renderMarkdown:[\w$]+,refElements:[\w$]+,"
    r"className:[\w$]+,children:[\w$]+\}\)=>\{const [\w$]+=(?P<react>[\w$]+)\.useContext\([\w$]+\);"
    r'if\([\w$]+===!1\)return (?P<jsx>[\w$]+)\.jsx\("pre")'
)
_EXPORT = r"(,[\w$]+=Object\.freeze\(Object\.defineProperty\(\{__proto__:null,Markdown:NAME\})"


def with_replaceable_markdown(script: str) -> str:
    """The script, in which `window.pagodaMarkdown(React, jsxRuntime, Markdown)` may return another component."""
    found = list(_COMPONENT.finditer(script))
    exports = [re.compile(_EXPORT.replace("NAME", re.escape(match["name"]))) for match in found]
    if len(found) != 1 or len(exports[0].findall(script)) != 1:
        return script
    name, react, jsx = found[0].group("name", "react", "jsx")
    own = f"{name}$pagoda"
    component = f",{name}=p=>{jsx}.jsx(window.pagodaMarkdown?.({react},{jsx},{own})??{own},p)"
    script = script[: found[0].start()] + own + script[found[0].end("name") :]
    return exports[0].sub(lambda match: component + match.group(1), script)

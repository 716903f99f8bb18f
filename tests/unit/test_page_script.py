"""The change to Chainlit's script."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from chat.ui.page_script import with_replaceable_markdown


def test_the_installed_chainlits_markdown_can_be_replaced() -> None:
    spec = find_spec("chainlit")  # not imported: its import warns
    assert spec is not None
    assert spec.origin is not None
    (script,) = Path(spec.origin).parent.glob("frontend/dist/assets/index-*.js")
    before = script.read_text(encoding="utf-8")
    after = with_replaceable_markdown(before)
    assert after.count("window.pagodaMarkdown?.(") == 1
    assert len(after) - len(before) < 200


def test_another_script_stays_as_it_is() -> None:
    script = 'const Md=({children:f})=>f,Ns=Object.freeze(Object.defineProperty({__proto__:null,Markdown:Md},"a",{}));'
    assert with_replaceable_markdown(script) == script

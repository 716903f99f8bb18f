"""The JSON view's parser in a real browser, against the browser's own."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator

import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.async_api import Browser, Page

from tests.browser.json_page import json_page, texts

SAMPLES = 300
LETTERS = st.one_of(st.characters(), st.sampled_from('"\\/\b\n\u007f\u2028é红😀'))
KEYS = st.text(LETTERS, max_size=4)
# Half of a surrogate pair can stand in JSON as an escape.
TEXTS = st.text(st.one_of(LETTERS, st.characters(categories=["Cs"])), max_size=8)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**25), 10**25), st.floats(allow_nan=False, allow_infinity=False), TEXTS
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
# What is not JSON, and the code point from which on it is not.
GARBAGE = [
    ('Sure! {"a": 1}', 0),
    ('```json\n{"a": 1}\n```', 0),
    ('{"a": 1} Done.', 9),
    ('{"😀": x}', 6),
    ('{"a": 1,}', 8),
    ('{"a": tru1}', 9),
    ('{"a": 01}', 7),
    ('{"a": -}', 7),
    ('{"a": "\\x"}', 8),
    ('{"a": "\\u12g4"}', 11),
    ('{"a": "line\nline"}', 11),
    ("{'a': 1}", 1),
    ("[1 2]", 3),
    ("[NaN]", 1),
]


def written(value: object, ascii_only: bool, indent: int | None) -> str:
    """The value as JSON. Half a pair can only be sent to the browser as an escape."""
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    return text if ascii_only or not re.search("[\ud800-\udfff]", text) else json.dumps(value, indent=indent)


def samples() -> list[str]:
    """The same JSON texts in each run, drawn by hypothesis: one call into the browser checks them all."""
    drawn: list[str] = []

    @settings(max_examples=SAMPLES, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(st.builds(written, VALUES, st.booleans(), st.sampled_from([None, 1])))
    def draw(text: str) -> None:
        drawn.append(text)

    draw()
    return drawn


@pytest_asyncio.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    async with json_page(browser) as opened:
        yield opened


async def test_every_prefix_gives_a_prefix_of_the_structure(page: Page) -> None:
    texts = samples()
    assert len(texts) > SAMPLES // 2
    wrong = await page.evaluate(
        """(texts) => {
            const { JsonParser } = json;
            const parse = (...pieces) => {
                const parser = new JsonParser();
                pieces.forEach((piece) => parser.feed(piece));
                return parser;
            };
            const wellFormed = (value) => {
                if (typeof value === "string") return value.toWellFormed();
                if (Array.isArray(value)) return value.map(wellFormed);
                if (value === null || typeof value !== "object") return value;
                return Object.fromEntries(Object.entries(value).map((entry) => entry.map(wellFormed)));
            };
            const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
            // `part`: a prefix's node, `whole`: the whole text's; only the last may be incomplete.
            const prefixes = (part, whole) => {
                if (part.type !== whole.type || part.key !== whole.key) return false;
                if (!part.children) {
                    if (!part.text.isWellFormed()) return false;
                    if (part.complete) return part.text === whole.text;
                    return ["string", "number"].includes(part.type) && whole.text.startsWith(part.text);
                }
                const count = part.children.length;
                if (count > whole.children.length || (part.complete && count !== whole.children.length)) return false;
                return part.children.every((child, index) => {
                    if ((part.complete || index < count - 1) && !child.complete) return false;
                    return prefixes(child, whole.children[index]);
                });
            };
            for (const text of texts) {
                const whole = parse(text);
                if (!whole.complete || whole.error) return [text, "not taken"];
                if (!same(whole.value(), wellFormed(JSON.parse(text)))) return [text, "another value"];
                const slow = new JsonParser();
                for (let end = 0; end <= text.length; end += 1) {
                    if (end) slow.feed(text[end - 1]);
                    const fast = parse(text.slice(0, end));
                    if (slow.error || fast.error) return [text, end, "an error"];
                    if (!same(slow.value(), fast.value())) return [text, end, "depends on the pieces"];
                    if (slow.root && !prefixes(slow.root, whole.root)) return [text, end, "no prefix"];
                }
                if (!slow.complete) return [text, "not complete"];
            }
            return null;
        }""",
        texts,
    )
    assert wrong is None


async def test_what_the_browser_refuses_is_refused(page: Page) -> None:
    """Each text with one character left out, doubled or changed: taken where JSON.parse takes it, and only there."""
    wrong = await page.evaluate(
        """(texts) => {
            const accepts = (text) => {
                try {
                    JSON.parse(text);
                    return true;
                } catch {
                    return false;
                }
            };
            const changes = ["", "0", ",", "}", "]", '"', "\\\\", "e", "-", ".", "\\n", "\\u0001", "x"];
            let refused = 0;
            for (const [index, text] of texts.entries()) {
                for (let at = 0; at < text.length; at += 1) {
                    const change = changes[(at + index) % changes.length];
                    const broken = text.slice(0, at) + change + text.slice(at + 1);
                    const parser = new json.JsonParser();
                    for (const unit of broken) parser.feed(unit);
                    if ((parser.complete && !parser.error) !== accepts(broken)) return broken;
                    refused += accepts(broken) ? 0 : 1;
                }
            }
            return refused;
        }""",
        samples(),
    )
    assert isinstance(wrong, int), wrong
    assert wrong > 1000


async def test_garbage_is_reported_with_its_place(page: Page) -> None:
    for text, offset in GARBAGE:
        places = await page.evaluate(
            """(text) => [[text], [...text], text.split("")].map((pieces) => {
                const parser = new json.JsonParser();
                pieces.forEach((piece) => parser.feed(piece));
                return [parser.error.offset, [...text.slice(0, parser.error.unit)].length];
            })""",
            text,
        )
        assert places == [[offset, offset]] * 3, text
        # The view says so, and in the raw view stands all of it.
        told, shown = await page.evaluate(
            """(text) => ["tree", "raw"].map((mode) => {
                host.textContent = "";
                json.createView(host, { texts, state: { mode } }).replace(text);
                return host.querySelector(mode === "tree" ? ".jv-notice" : ".jv-text").textContent;
            })""",
            text,
        )
        assert texts()["not_json"].format(offset=offset + 1) in told, text
        assert shown == text


async def test_the_work_follows_the_new_text_only(page: Page) -> None:
    told = await page.evaluate(
        """() => {
            const told = { added: 0, grew: 0, closed: 0 };
            const parser = new json.JsonParser({
                added: () => (told.added += 1),
                grew: (_node, text) => (told.grew += text.length),
                closed: () => (told.closed += 1),
            });
            parser.feed("[");
            const item = `{"key": "${"x".repeat(50)}"},`;
            for (const unit of item.repeat(1000)) parser.feed(unit);
            return told;
        }"""
    )
    assert told == {"added": 2001, "grew": 50_000, "closed": 2000}

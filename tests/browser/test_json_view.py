"""What the JSON view draws in a real browser, and how it keeps up with the server."""

from __future__ import annotations

import colorsys
import json
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.json_page import json_page, texts
from tests.processes import ROOT

BOOKS = {"books": [{"title": "红楼梦", "year": 1791}, {"title": "西游记", "author": "吴承恩"}], "ok": True}


@pytest_asyncio.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    async with json_page(browser) as opened:
        yield opened


async def test_half_a_pair_is_never_shown(page: Page) -> None:
    seen = await page.evaluate(
        r"""async () => {
            const view = json.createView(host, { texts, state: {} });
            const seen = [];
            for (const unit of '{"a": "\\ud83d\\ude00 \ud83d\ude00 \\ud83d! \\ude00 \\ud83d\\ud83d"}'.split("")) {
                view.feed(unit);
                await frame();
                seen.push(host.textContent);
            }
            return { ill: seen.filter((text) => !text.isWellFormed()), last: seen.at(-1) };
        }"""
    )
    assert seen["ill"] == []
    assert "😀 😀 \ufffd! \ufffd \ufffd\ufffd" in seen["last"]


async def test_hostile_text_makes_no_element(page: Page) -> None:
    hostile = '<img src=x onerror="alert(1)"><script>alert(2)</script><a href="javascript:alert(3)">x</a>'
    text = json.dumps({hostile: [{hostile: hostile, "__proto__": hostile}, {"constructor": [hostile]}]})
    for mode in ("tree", "table", "raw"):
        await page.evaluate(
            """([text, mode]) => {
                host.textContent = "";
                const view = json.createView(host, { texts, state: { mode } });
                view.replace(text);
                view.end();
                for (const button of host.querySelectorAll("button.jv-fold")) button.click();
            }""",
            [text, mode],
        )
        assert "onerror" in (await page.locator("#host").text_content() or "")
        assert await page.locator("#host :is(img, script, a)").count() == 0


async def test_folding_by_keyboard_and_by_mouse(page: Page) -> None:
    await page.evaluate(
        """(text) => {
            window.state = {};
            window.view = json.createView(host, { texts, state });
            view.replace(text);
            view.end();
        }""",
        json.dumps(BOOKS),
    )
    buttons, focused = page.locator("button.jv-fold"), page.locator("button.jv-fold:focus")
    assert await buttons.evaluate_all("all => all.map((one) => one.tabIndex)") == [0, -1, -1, -1]
    await buttons.first.focus()
    await page.keyboard.press("ArrowDown")
    await expect(focused).to_contain_text("books")
    await page.keyboard.press("Enter")
    await expect(focused).to_have_attribute("aria-expanded", "false")
    await expect(focused).to_contain_text("2 items")
    await expect(page.get_by_text("红楼梦")).to_be_hidden()
    # Down goes past what is folded, left to the parent, right opens.
    await page.keyboard.press("ArrowDown")
    await expect(focused).to_contain_text("books")
    await page.keyboard.press("ArrowRight")
    await expect(page.get_by_text("红楼梦")).to_be_visible()
    await page.keyboard.press("End")
    await expect(focused).to_contain_text("1")
    await page.keyboard.press("ArrowLeft")
    await expect(focused).to_contain_text('{title: "西游记", author: "吴承恩"}')
    await page.keyboard.press("ArrowLeft")
    await expect(focused).to_contain_text("books")
    await page.keyboard.press("Home")
    await expect(focused).to_contain_text("Answer")
    await buttons.nth(1).click()
    # Another view of the same answer starts with the same folds and the focus where it was.
    await page.evaluate(
        "(text) => { view.destroy(); json.createView(host, { texts, state }).replace(text); }", json.dumps(BOOKS)
    )
    await expect(focused).to_contain_text("books")
    await expect(focused).to_have_attribute("aria-expanded", "false")


async def test_the_table_gains_rows_and_columns_while_it_streams(page: Page) -> None:
    told = await page.evaluate(
        """async (text) => {
            const told = [];
            const state = { mode: "table" };
            const view = json.createView(host, { texts, state, changed: (now) => told.push(now.modes.join()) });
            const seen = [];
            for (const unit of text) {
                view.feed(unit);
                await frame();
                const table = host.querySelector("table");
                const now = table && `${table.tBodies[0].rows.length}x${table.tHead.rows[0].cells.length}`;
                if (seen.at(-1) !== now) seen.push(now);
            }
            view.end();
            return { seen, told };
        }""",
        json.dumps(BOOKS),
    )
    assert told["seen"] == [None, "1x1", "1x2", "1x3", "2x3", "2x4"]
    assert told["told"] == ["tree,raw", "tree,table,raw"]
    rows = await page.locator("tbody tr").evaluate_all(
        "rows => rows.map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    assert rows == [["1", "红楼梦", "1791"], ["2", "西游记", "", "吴承恩"]]
    await expect(page.locator("caption")).to_have_text("books · 2 rows")
    assert await page.locator("thead th").first.evaluate("cell => getComputedStyle(cell).position") == "sticky"


async def test_a_long_table_keeps_its_columns_while_it_streams(page: Page) -> None:
    seen = await page.evaluate(
        """async () => {
            const view = json.createView(host, { texts, state: { mode: "table" } });
            const widths = async () => {
                await frame();
                return [...host.querySelectorAll("thead th")].map((cell) => Math.round(cell.clientWidth));
            };
            view.feed("[");
            for (let row = 0; row < 60; row += 1) view.feed(`{"name": "row ${row}"},`);
            const before = await widths();
            view.feed(`{"name": "${"long ".repeat(100)}", "more": 1}`);
            const during = await widths();
            view.end();
            return { before, during, after: await widths(), rows: host.querySelectorAll("tbody tr").length };
        }"""
    )
    assert seen["during"][:2] == seen["before"]
    assert len(seen["during"]) == 3
    assert seen["after"] != seen["during"]
    assert seen["rows"] == 61


async def test_any_depth_is_survived(page: Page) -> None:
    depth = 30_000
    await page.evaluate(
        """(text) => {
            const view = json.createView(host, { texts, state: {} });
            view.replace(text);
            view.end();
        }""",
        '{"a":' * depth + "1" + "}" * depth,
    )
    await expect(page.get_by_text(texts()["too_deep"].format(limit=200))).to_have_count(1)
    await expect(page.locator(".jv-notice")).to_be_hidden()


async def test_the_end_stays_in_view_unless_the_reader_scrolled_up(page: Page) -> None:
    await page.evaluate(
        """async () => {
            window.view = json.createView(host, { texts, state: {} });
            window.scroller = host.querySelector(".jv-scroll");
            window.rows = async (count) => {
                for (let row = 0; row < count; row += 1) view.feed(`{"row": ${row}},`);
                await frame();
                await frame();
            };
            window.toEnd = () => scroller.scrollHeight - scroller.clientHeight - scroller.scrollTop;
            view.feed("[");
            await rows(200);
        }"""
    )
    assert await page.evaluate("toEnd()") <= 1
    await page.locator(".jv-scroll").hover()
    await page.mouse.wheel(0, -500)
    await expect(page.locator(".jv-follow")).to_be_visible()
    top = await page.evaluate("scroller.scrollTop")
    await page.evaluate("rows(50)")
    assert await page.evaluate("scroller.scrollTop") == top
    await page.locator(".jv-follow").click()
    await page.evaluate("rows(50)")
    assert await page.evaluate("toEnd()") <= 1
    # The caret is there until the end, and what the end lacks is said.
    await expect(page.locator(".jv-live")).to_have_count(1)
    await page.evaluate("view.end()")
    await expect(page.locator(".jv-live")).to_have_count(0)
    await expect(page.locator(".jv-notice")).to_have_text(texts()["unfinished"])


async def test_a_pane_heals_gaps_and_overlaps_and_goes_on_after_its_end(page: Page) -> None:
    seen = await page.evaluate(
        """() => {
            const listeners = {}, sent = [];
            const socket = {
                on: (event, act) => (listeners[event] = act),
                off: (event) => delete listeners[event],
                emit: (_event, message) => sent.push(message.have),
            };
            const say = (event, message) => listeners[event]({ id: "one", pane: "answer", ...message });
            const props = { id: "one", text: "", result: null, plain: null };
            const pane = json.recall(props).answer;
            const shown = [];
            const sink = {
                feed: (text) => shown.push(text), replace: (text) => shown.push(`=${text}`), begun() {}, ended() {},
            };
            const stop = json.followPane(socket, "one", "answer", pane, sink);
            say("json_delta", { at: 0, text: "a😀b" });
            say("json_delta", { at: 2, text: "bcd" }); // a part of it again
            say("json_delta", { at: 9, text: "!" }); // a gap: ask, once
            say("json_delta", { at: 10, text: "!" });
            say("json_delta", { id: "two", at: 5, text: "another's" });
            listeners.connect();
            const result = { verdict: "cut" };
            say("json_end", { text: "a😀bcde", result });
            stop();
            // The props say the same; then the answer goes on, and a re-mount still brings the old props.
            const ended = { ...props, text: "a😀bcde", result };
            const kept = json.recall(ended).answer;
            json.followPane(socket, "one", "answer", kept, sink);
            say("json_state", {});
            const again = json.recall(ended).answer;
            say("json_delta", { at: 6, text: "f" });
            return { sent, shown, same: kept === pane && again === pane, text: again.text, result: again.result };
        }"""
    )
    assert seen == {
        "sent": [0, 5, 5],
        "shown": ["a😀b", "cd", "e", "f"],
        "same": True,
        "text": "a😀bcdef",
        "result": None,
    }


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_have_the_contrast_of_wcag_aa(theme: str) -> None:
    sheet = (ROOT / "public" / "canvas.css").read_text(encoding="utf-8")
    selector = {"light": ".json-canvas,\n.schema-panel {", "dark": ".dark :is(.json-canvas, .schema-panel) {"}[theme]
    block = sheet.partition(selector)[2].partition("}")[0]
    colours = dict(re.findall(r"--(jv-\w+): (\d+ \d+% \d+%)", block))
    assert set(colours) == {"jv-key", "jv-string", "jv-number", "jv-literal", "jv-good", "jv-bad"}
    variables = json.loads((ROOT / "public" / "theme.json").read_text(encoding="utf-8"))["variables"][theme]
    colours["muted"] = variables["--muted-foreground"]
    card = rgb(variables["--card"])
    for name, colour in colours.items():
        assert contrast(rgb(colour), card) >= 4.5, name
    for name in ("jv-good", "jv-bad"):  # on a chip, which is tinted by a tenth
        chip = [0.1 * front + 0.9 * back for front, back in zip(rgb(colours[name]), card, strict=True)]
        assert contrast(rgb(colours[name]), chip) >= 4.5, f"{name} on a chip"


def rgb(hsl: str) -> list[float]:
    """From "8 68% 38%" to three parts of 1."""
    hue, saturation, lightness = (float(part.rstrip("%")) for part in hsl.split())
    return list(colorsys.hls_to_rgb(hue / 360, lightness / 100, saturation / 100))


def contrast(one: list[float], other: list[float]) -> float:
    """As WCAG 2 defines it, 1 to 21."""

    def luminance(colour: list[float]) -> float:
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)

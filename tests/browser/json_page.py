"""A page with nothing on it but the JSON view: `public/` on a local port, for its tests and its benchmark."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from playwright.async_api import Browser, Page

from chat.texts import Language, sentences
from tests.processes import ROOT

BLANK = b"""<!doctype html><meta charset="utf-8"><title>JSON view</title><link rel="stylesheet" href="/canvas.css">
<main class="json-canvas"><div class="json-view" id="host"></div></main>"""


class _Handler(SimpleHTTPRequestHandler):
    """Files of `public/`, and the blank page at its root."""

    def do_GET(self) -> None:
        if self.path != "/":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(BLANK)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def public_files() -> Iterator[str]:
    """The address at which `public/` is served."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=ROOT / "public"))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def texts(language: Language = "en-US") -> dict[str, str]:
    """The view's sentences as the element gets them."""
    prefix = "canvas_"
    return {key.removeprefix(prefix): text for key, text in sentences(language).items() if key.startswith(prefix)}


@asynccontextmanager
async def json_page(browser: Browser) -> AsyncIterator[Page]:
    """The blank page. On its window: `json` (all the modules), `texts`, `host`, and `frame()`, which awaits one."""
    with public_files() as url:
        page = await _open(browser, url)
        failures: list[str] = []
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.on("dialog", lambda dialog: failures.append(f"dialog: {dialog.message}"))
        yield page
        await page.close()
        assert failures == []


async def _open(browser: Browser, url: str) -> Page:
    page = await browser.new_page(viewport={"width": 900, "height": 700})
    await page.goto(url)
    await page.evaluate(
        """async (texts) => {
            const names = ["parser", "view", "panes", "values"];
            const modules = await Promise.all(names.map((name) => import(`/json/${name}.js`)));
            window.json = Object.assign({}, ...modules);
            window.texts = texts;
            window.host = document.querySelector("#host");
            window.frame = () => new Promise(requestAnimationFrame);
        }""",
        texts(),
    )
    return page

"""A user who remembers what was asked and what the page shows of the answers, and so what the model should be sent."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

import aiohttp

from chat.sampling import default_sampling
from chat.settings import load_settings
from tests.load.user import User

MODEL = "pagoda-demo"
# Beyond, the oldest turns would be left out of the prompt.
MOST_CHARS = 2400


@dataclass(slots=True)
class Asked:
    """What a question brought: the text that has arrived, sentences on what went wrong, the prompt's length."""

    text: str = ""
    sentences: list[str] = field(default_factory=list)
    prompt_tokens: int | None = None


class Talker(User):
    """`turns` are the questions of the conversation whose answers, or part of them, are on the page."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        super().__init__(session, url, "Pagoda")
        self.turns: list[tuple[str, str]] = []
        self._system_prompt = default_sampling(load_settings(None), "en-US").system_prompt

    @property
    def is_full(self) -> bool:
        """Whether another turn may be too much for the model's context."""
        return sum(len(question) + len(answer) for question, answer in self.turns) > MOST_CHARS

    async def converse(self, question: str) -> Asked:
        """Ask, and note what came."""
        await self.send(question)
        asked, ended = Asked(), False
        while not ended:
            frame = await self._frame()
            if not frame.startswith("42"):
                continue
            event, *data = json.loads(frame[2:])
            ended = event == "task_end"
            if event in ("new_message", "update_message") and data[0]["type"] == "assistant_message":
                if data[0]["isError"]:
                    asked.sentences.append(data[0]["output"])
                else:
                    asked.text = data[0]["output"]
            elif event == "element" and data[0]["name"] == "AnswerStatus" and data[0]["props"]["state"] == "ended":
                _read_line(asked, data[0]["props"])
        if asked.text:
            self.turns.append((question, asked.text))
        return asked

    async def tokens_of_prompt(self, session: aiohttp.ClientSession, backend_url: str) -> int:
        """How many tokens the newest question came to, with all turns before it; counted by vLLM."""
        messages = [{"role": "system", "content": self._system_prompt}]
        for question, answer in self.turns:
            messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        body = {"model": MODEL, "messages": messages[:-1], "add_generation_prompt": True}
        async with session.post(f"{backend_url}/tokenize", json=body) as reply:
            reply.raise_for_status()
            return int((await reply.json())["count"])


def _read_line(asked: Asked, props: dict[str, list[dict[str, str]]]) -> None:
    asked.sentences += [item["text"] for item in props["items"] if item["id"] == "error"]
    for figure in props["line"]:
        if figure["id"] == "tokens" and (found := re.match(r"[\d,]+", figure["text"])):
            asked.prompt_tokens = int(found[0].replace(",", ""))

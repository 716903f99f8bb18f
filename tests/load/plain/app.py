"""Chainlit as its documentation has it: each token of the model goes to the page as it comes.

What Pagoda is measured against. `chainlit run tests/load/plain/app.py`, with OPENAI_BASE_URL and OPENAI_API_KEY set.
"""

from __future__ import annotations

import chainlit as cl
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionMessageParam

client = AsyncOpenAI()


@cl.on_chat_start
def start_chat() -> None:
    cl.user_session.set("history", [{"role": "system", "content": "You are a helpful assistant."}])


@cl.on_message
async def main(message: cl.Message) -> None:
    history: list[ChatCompletionMessageParam] = cl.user_session.get("history") or []
    history.append({"role": "user", "content": message.content})
    reply = cl.Message(content="")
    stream = await client.chat.completions.create(model="load-model", messages=history, stream=True)
    async for part in stream:
        if part.choices and (token := part.choices[0].delta.content or ""):
            await reply.stream_token(token)
    history.append({"role": "assistant", "content": reply.content})
    await reply.update()

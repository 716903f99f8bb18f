"""What the app keeps for one browser session: its conversation, settings and running answers."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import chainlit as cl
from chainlit.session import WebsocketSession

from chat.conversation import Conversation
from chat.errors import PageGone, TurnError
from chat.limits import AtOnce
from chat.model_server import Model
from chat.presets import PresetChoice
from chat.price import Price
from chat.sampling import Sampling
from chat.schema.choice import SchemaChoice
from chat.texts import Language, language_for
from chat.ui.answer_place import AnswerPlace
from chat.ui.canvas import Canvas

_KEY = "chat"
# A dropped connection comes back within seconds: the page tries again after 5 s at most. After this long without,
# nobody is there to read on, and the model server answers others.
LEFT_AFTER_S = 20
# So long may a connection be dead before it is noticed: the socket's pings come every 25 s, and are waited for for 20.
UNNOTICED_S = 45


class ShownCanvas(NamedTuple):
    """A JSON answer on the page, and its place."""

    place: AnswerPlace
    canvas: Canvas


def _nobody_asks() -> None:
    """In place of the context meter, until there is one."""


@dataclass(slots=True)
class ChatSession:
    """`form` is the settings panel as last edited, `sampling` as last confirmed.

    `places` are those of the answers on the page, by the id of their message, oldest first. `changed` is called
    when the prompt of the next question may have become another one. `stopped_because` says why the answers were
    stopped last, where it was not the user who did it. `lost_at` is the monotonic time at which the page's last
    connection was seen to be gone.
    """

    language: Language
    sampling: Sampling
    form: Sampling
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    conversation: Conversation = field(default_factory=Conversation)
    schemas: SchemaChoice = field(default_factory=SchemaChoice)
    presets: PresetChoice = field(default_factory=PresetChoice)
    models: list[Model] = field(default_factory=list)
    restored: asyncio.Event = field(default_factory=asyncio.Event)  # the page has given back what it keeps
    places: dict[str, AnswerPlace] = field(default_factory=dict)
    price: Price | None = None
    who: str = ""  # the user, or where nobody signs in the address, that answers are counted for
    at_once: AtOnce = field(default_factory=lambda: AtOnce(1))
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)
    changed: Callable[[], None] = _nobody_asks
    stopped_because: TurnError | None = None
    lost_at: float | None = None
    _tasks: set[asyncio.Task[object]] = field(default_factory=set)

    def ask(self, turn_id: str, question: str) -> AnswerPlace:
        """Begin a turn, and make the place of its answer; those of turns that an edit drops go with them."""
        turn = self.conversation.ask(turn_id, question)
        self.places = {key: place for key, place in self.places.items() if place.turn in self.conversation.turns}
        place = AnswerPlace(turn, self.price)
        self.places[place.id] = place
        return place

    def canvas(self, canvas_id: str) -> ShownCanvas | None:
        """The JSON answer of that id, if its version is the one shown."""
        for place in self.places.values():
            if place.canvas and place.canvas.id == canvas_id:
                return ShownCanvas(place, place.canvas)
        return None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Register the current task, so that `stop` finds it even when it only waits for its turn.

        Raises `TooManyAnswers` where the user has as many as are allowed.
        """
        task = asyncio.current_task()
        assert task is not None
        with self.at_once.one(self.who):
            self._tasks.add(task)
            try:
                yield
            finally:
                self._tasks.discard(task)
                if not self._tasks:
                    self.changed()

    @property
    def is_busy(self) -> bool:
        """Whether an answer is under way or waits for its turn."""
        return bool(self._tasks) or self.one_at_a_time.locked()

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """For work that no message began: one at a time, with Stop to end it."""
        with self.running():
            await cl.context.emitter.task_start()
            try:
                async with self.one_at_a_time:
                    yield
            finally:
                await cl.context.emitter.task_end()

    async def catch_up(self) -> None:
        """The page is connected again: show what it may have missed, which is what went on since it was last heard."""
        since = (time.monotonic() if self.lost_at is None else self.lost_at) - UNNOTICED_S
        for place in list(self.places.values()):
            if place.ended_at is None or place.ended_at >= since:
                await place.show_again()

    def stop(self, because: TurnError | None = None) -> None:
        """Cancel every answer of this session, running or waiting; each once, as it has its last words to say.

        `because` is what the page says of them, where it was not the user who stopped them.
        """
        self.stopped_because = because
        while self._tasks:
            self._tasks.pop().cancel()


def keep(chat: ChatSession) -> None:
    """Remember `chat` for the current Chainlit session."""
    cl.user_session.set(_KEY, chat)


def current() -> ChatSession:
    """The current Chainlit session's chat; LookupError before `on_chat_start` has run."""
    chat = current_or_none()
    if chat is None:
        raise LookupError("this session has no chat yet")
    return chat


def current_or_none() -> ChatSession | None:
    """The current Chainlit session's chat, if it has begun."""
    chat = cl.user_session.get(_KEY)
    return chat if isinstance(chat, ChatSession) else None


def browser_language() -> Language:
    """The language of the current session's browser."""
    return language_for(getattr(cl.context.session, "language", None))


def stop_when_left() -> None:
    """A connection has dropped: stop the session's answers, unless it was lost and the browser comes back.

    At once where the user has begun a new chat. A page that was reloaded or closed can be told from a lost connection
    only by waiting: it does not come back.
    """
    chat, lost = current_or_none(), cl.context.session
    if chat is None or not isinstance(lost, WebsocketSession):
        return
    chat.lost_at = time.monotonic()
    if lost.to_clear:
        chat.stop()
        return
    socket_id = lost.socket_id

    def look_again() -> None:
        if lost.socket_id == socket_id:
            chat.stop(PageGone(seconds=LEFT_AFTER_S))

    asyncio.get_running_loop().call_later(LEFT_AFTER_S, look_again)

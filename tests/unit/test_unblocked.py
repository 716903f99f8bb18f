"""What Chainlit is kept from, in a process as it is started."""

from __future__ import annotations

import subprocess
import sys

LOOK = """
import chainlit.cli  # as `chainlit run` begins: it has asyncio patched
import asyncio, _asyncio, inspect, time
assert asyncio.Task is not _asyncio.Task
from chat.ui import unblocked
unblocked.install()
async def main():
    assert type(asyncio.current_task()) is _asyncio.Task
    assert type(asyncio.get_event_loop().create_future()) is _asyncio.Future
    nested = asyncio.sleep(0)
    try:
        asyncio.get_event_loop().run_until_complete(nested)
    except RuntimeError as error:
        nested.close()
        return str(error)
def no_sleep(_seconds):
    raise AssertionError("Chainlit slept")
time.sleep = no_sleep
from chainlit.message import MessageBase, Message
MessageBase.__post_init__ = lambda self: None
Message(content="made without a pause")
print(asyncio.run(main()))
"""


def test_asyncio_runs_natively_and_messages_are_made_without_a_pause() -> None:
    done = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "This event loop is already running"

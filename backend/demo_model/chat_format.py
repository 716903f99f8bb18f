"""ChatML as this model speaks it: special tokens, chat template, and token ids with their loss mask.

<|im_start|>system            (optional; nothing is put in when there is none)
...<|im_end|>
<|im_start|>user
...<|im_end|>
<|im_start|>assistant
...<|im_end|>

The loss falls on the assistant's text and the <|im_end|> that closes it. An answer marked `forced_json` has its first
token left out: there the server's grammar, not the model, decides that the answer begins with `{`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tokenizers import Tokenizer

END_OF_TEXT = "<|endoftext|>"
IM_START = "<|im_start|>"
IM_END = "<|im_end|>"
SPECIAL_TOKENS = (END_OF_TEXT, IM_START, IM_END)

CHAT_TEMPLATE = (
    "{%- for message in messages %}"
    "{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)


@dataclass(frozen=True)
class Message:
    """One message of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str
    forced_json: bool = False


def encode_conversation(tokenizer: Tokenizer, messages: Sequence[Message]) -> tuple[list[int], list[bool]]:
    """Token ids of a conversation and, for each, whether the model learns to produce it."""
    start = tokenizer.token_to_id(IM_START)
    end = tokenizer.token_to_id(IM_END)
    newline = tokenizer.encode("\n").ids
    ids: list[int] = []
    mask: list[bool] = []
    for message in messages:
        head = [start, *tokenizer.encode(message.role + "\n").ids]
        body = [*tokenizer.encode(message.content).ids, end]
        learned = message.role == "assistant"
        body_mask = [learned] * len(body)
        if message.forced_json:
            body_mask[0] = False
        ids += head + body + newline
        mask += [False] * len(head) + body_mask + [False] * len(newline)
    return ids, mask

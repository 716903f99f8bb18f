"""The marks of chat templates in what somebody wrote, made harmless: "<|im_end|>" becomes "< |im_end|>".

vLLM makes tokens of a prompt after the chat template has put it together, so that the characters "<|im_end|>" in a
message are the mark itself: a question could end there, and go on as an answer, or as another system prompt, that
nobody gave. Pasted text may hold such a trap as well as typed text, and a model can be talked into writing it. The
blank can be seen where a model repeats the words, which an invisible character could not.

Known are the forms of Qwen, Llama 3, Phi, GLM, gpt-oss, DeepSeek (`<|…|>`, also with wide bars), Gemma and Mistral.
`<s>` and `</s>`, of some older models, are left alone: they are HTML, too.
"""

from __future__ import annotations

import re

_BEGINNING = re.compile(
    r"""<(?=[|｜][^\s<>|｜]{1,40}[|｜]>)
    | <(?=(?:start|end)_of_turn>)
    | \[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\])""",
    re.VERBOSE,
)


def without_control_tokens(text: str) -> str:
    """The text with a blank in each mark of a chat template."""
    return _BEGINNING.sub(r"\g<0> ", text)

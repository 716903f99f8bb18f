"""JSON mode: what is asked of the server, and the verdict on what came back.

"On" means `response_format`, which vLLM enforces token by token; the line added to the system prompt
only tells the model what the grammar will do. Even so an answer cut by the token limit is no JSON.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

from openai.types.shared_params import ResponseFormatJSONObject

RESPONSE_FORMAT: ResponseFormatJSONObject = {"type": "json_object"}

# How an answer ended. "complete" is the model's own end; "cut" is the token limit or the context.
Ending = Literal["complete", "cut", "stopped", "broken"]
Verdict = Literal["valid", "invalid", "cut", "stopped", "broken"]


@dataclass(frozen=True, slots=True)
class JsonOutput:
    """An answer in JSON mode: the verdict, and the text to show, indented where it is valid."""

    verdict: Verdict
    shown: str


def judge(text: str, ending: Ending) -> JsonOutput:
    """Only an answer that ended by itself and parses to an object is called valid."""
    if ending != "complete":
        return JsonOutput(ending, text)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return JsonOutput("invalid", text)
    if not isinstance(value, dict):
        return JsonOutput("invalid", text)
    return JsonOutput("valid", json.dumps(value, ensure_ascii=False, indent=2))


def with_instruction(system_prompt: str, instruction: str) -> str:
    """The system prompt with the line that tells the model to answer in JSON."""
    return f"{system_prompt}\n{instruction}" if system_prompt else instruction

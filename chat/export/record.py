"""Between an answer of a running conversation and the part of a file that keeps it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Literal

from chat.completion import request_for
from chat.conversation import Conversation
from chat.export.file import Facts, FileAnswer, JsonForm, ServerTimes
from chat.model_server import Model
from chat.sampling import Sampling
from chat.schema.choice import JsonFormat
from chat.server_metrics import ServerMetrics
from chat.texts import Language
from chat.turn import Answer, system_prompt_for

_ENFORCED: dict[bool | None, Literal["all", "part", "none"]] = {True: "all", None: "part", False: "none"}


def form_of(json_format: JsonFormat | None) -> JsonForm | None:
    """What is kept of the JSON that an answer was to be."""
    if json_format is None:
        return None
    return JsonForm(id=json_format.id, name=json_format.name, schema_=json_format.schema)


def recorded(answer: Answer, settings: Sampling) -> FileAnswer:
    """What is kept of an answer in a file with these `settings`."""
    is_json = answer.json_format is not None
    return FileAnswer(
        text=answer.text,
        reasoning=answer.reasoning,
        ending=answer.ending,
        full=answer.is_full,
        enforced=_ENFORCED[answer.enforced] if is_json else None,
        verdict=answer.json_output.verdict if is_json else None,
        model=answer.request["model"] if answer.request else None,
        settings=None if answer.sampling == settings else answer.sampling,
        left_out=answer.left_out_questions,
        facts=_facts(answer),
    )


def restored(
    kept: FileAnswer, settings: Sampling, json_format: JsonFormat | None, language: Language, before: Conversation
) -> Answer:
    """The answer as it was, to the newest question of `before`, with the file's `settings` or its own.

    The request is made anew, so that the answer can be continued, compared and taken away.
    """
    facts = kept.facts
    answer = Answer(kept.settings or settings, language, json_format)
    answer.text, answer.reasoning, answer.ending = kept.text, kept.reasoning, kept.ending
    answer.thought_ms = facts.thought_ms
    answer.fills_context = kept.full
    if json_format:
        answer.enforced = next(is_so for is_so, name in _ENFORCED.items() if name == (kept.enforced or "none"))
    answer.left_out_questions = list(kept.left_out)
    answer.prompt_tokens, answer.max_model_len = facts.prompt_tokens or 0, facts.max_model_len or 0
    answer.max_tokens = facts.max_tokens or answer.sampling.max_tokens
    answer.earlier_tokens, answer.earlier_ms = facts.earlier_tokens, facts.earlier_ms
    completion = answer.completion
    completion.finish_reason = {"complete": "stop", "cut": "length"}.get(kept.ending)
    completion.prompt_tokens, completion.completion_tokens = facts.prompt_tokens or 0, facts.completion_tokens or 0
    completion.cached_tokens = facts.cached_tokens
    completion.ttft_ms, completion.e2el_ms = facts.ttft_ms or 0.0, facts.e2el_ms or 0.0
    completion.metrics = ServerMetrics(**facts.server.model_dump()) if facts.server else None
    if kept.model:
        system_prompt = system_prompt_for(answer.sampling, json_format, language)
        messages = before.messages(system_prompt, skip=len(kept.left_out))
        model = Model(kept.model, answer.max_model_len)
        wanted = json_format.response_format() if json_format else None
        answer.request = request_for(model, messages, answer.sampling, answer.max_tokens, wanted)
    return answer


def _facts(answer: Answer) -> Facts:
    completion = answer.completion
    return Facts(
        prompt_tokens=completion.prompt_tokens or answer.prompt_tokens or None,
        cached_tokens=completion.cached_tokens,
        completion_tokens=completion.completion_tokens or None,
        earlier_tokens=answer.earlier_tokens,
        earlier_ms=answer.earlier_ms,
        max_tokens=answer.max_tokens,
        max_model_len=answer.max_model_len or None,
        ttft_ms=completion.ttft_ms or None,
        e2el_ms=completion.e2el_ms or None,
        thought_ms=answer.thought_ms,
        server=ServerTimes(**asdict(completion.metrics)) if completion.metrics else None,
    )

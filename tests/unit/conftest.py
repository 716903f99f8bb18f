"""`--hypothesis-profile=long`: many more examples than a run of all tests has the time for."""

from __future__ import annotations

from contextlib import suppress

with suppress(ModuleNotFoundError):  # the bundled model's tests run beside vLLM, and without it
    from hypothesis import settings

    settings.register_profile("long", max_examples=20_000, deadline=None)

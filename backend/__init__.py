"""The inference server: which machine this is, which flags suit it, and starting vLLM. Never imports `chat`."""

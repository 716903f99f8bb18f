"""What happens to a message: settings, conversation, request, stream, verdict.

Nothing here imports `backend`, and only `chat.ui` imports chainlit
(`tests/unit/test_imports.py` holds both).
"""

VERSION = "0.1.0-dev"

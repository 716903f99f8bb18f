"""What Chainlit draws: the settings panel, an answer with its status, the first screen, the socket."""

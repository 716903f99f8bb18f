"""The launcher: environments, checks, processes. Standard library only: it runs before anything is installed."""

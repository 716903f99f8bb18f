"""End-to-end tests of `make demo`."""

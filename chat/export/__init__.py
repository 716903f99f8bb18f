"""A conversation as a file: JSON that can be read in again (`file`, `record`), and Markdown to read (`markdown`)."""

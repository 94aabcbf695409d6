"""Reads an uploaded file inside a confined child process: no Django, no network, no database, one private folder."""

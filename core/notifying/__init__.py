"""Telling people of alarms and all-clears: messages, addresses, and what was sent already."""

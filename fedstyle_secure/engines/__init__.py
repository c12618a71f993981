"""Engines move bytes between named mailboxes and know no protocol."""

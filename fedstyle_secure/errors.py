"""Errors a user can act on: each names what is wrong, where, and how to fix it, in one sentence."""


class FedStyleError(Exception):
    """Base of every error this package raises on purpose."""


class InputError(FedStyleError):
    """Something handed in (a file, a folder, a setting) cannot be used as it is; exit code 2 on the command line."""


class PrivacyError(FedStyleError):
    """A release was refused because it would break a privacy promise; nothing was released."""

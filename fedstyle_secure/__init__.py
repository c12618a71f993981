"""FedStyle-Secure: artists learn a shared style encoder without showing an artwork or an update."""

__version__ = "0.1.0"

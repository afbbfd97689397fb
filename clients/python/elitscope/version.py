"""The version of the client distribution."""

__version__ = "0.1.0"

"""Bytes on the wire: one external system, with its limits, credentials and failures as values."""

from .client import Client
from .config import ConnectionConfig
from .request import Exchange, Request, Response
from .throttle import Throttle

__all__ = ["Client", "ConnectionConfig", "Exchange", "Request", "Response", "Throttle"]

"""A link that misbehaves on purpose, between any client and any server: a real board, an emulated one, any instrument.

``Proxy`` runs in a thread of a program, :func:`serve` until it is stopped. Faults are those of :mod:`drivers.faults`; a
message is a line, or a line with a definite-length block in it (IEEE 488.2); of anything else, what comes in one go.
"""

from drivers.proxy.injector import Injection, Injector
from drivers.proxy.process import Proxy, ProxyOptions, serve

__all__ = ["Injection", "Injector", "Proxy", "ProxyOptions", "serve"]

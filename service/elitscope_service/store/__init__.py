"""The store: what the control plane has to remember, over the Redis protocol.

A real Redis where one is named, otherwise an embedded Valkey (`embedded.py`): one code path. Every key stands in `keys.py`, what is kept
under them in `documents.py`, how it is reached in `connect.py`. Nothing on the way of a frame ever asks it anything.
"""

"""Server-sent events, read line by line (the `text/event-stream` of the HTML standard, as far as the server uses it).

The first one is our own, `open`: what happens from then on is heard, so a program that reads the state then misses nothing.
"""

from __future__ import annotations

import json
from typing import Optional

from elitscope.errors import ElitscopeError
from elitscope.rest.records import ServerEvent


class EventReader:
    """Takes the lines of a stream, gives the events in it.

    >>> reader = EventReader()
    >>> [reader.feed(line) for line in ("retry: 2000", "id: 9f3c-4")]
    [None, None]
    >>> reader.feed("")
    ServerEvent(name='open', body={}, id='9f3c-4')
    >>> [reader.feed(line) for line in ("event: selection", 'data: {"stream": "haadf"}')]
    [None, None]
    >>> reader.feed("")
    ServerEvent(name='selection', body={'stream': 'haadf'}, id='9f3c-4')
    """

    def __init__(self) -> None:
        self._name = "message"
        self._data: list[str] = []
        self._id: Optional[str] = None
        self._open = False

    def feed(self, line: str) -> Optional[ServerEvent]:
        """The event that this line ends, None where it ends none.

        Raises:
            ElitscopeError: an event that is not JSON: no server of this version sends one.
        """
        if not line:
            return self._end()
        name, _, value = line.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if name == "event":
            self._name = value
        elif name == "data":
            self._data.append(value)
        elif name == "id":
            self._id = value
        return None

    def _end(self) -> Optional[ServerEvent]:
        name, data = self._name, "\n".join(self._data)
        self._name, self._data = "message", []
        if not data:
            first, self._open = not self._open, True
            return ServerEvent("open", {}, self._id) if first else None
        try:
            body = json.loads(data)
        except ValueError as error:
            raise ElitscopeError(f"event {name!r} is not JSON: {data[:80]!r}") from error
        return ServerEvent(name, body if isinstance(body, dict) else {"value": body}, self._id)

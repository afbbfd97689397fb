"""How often a request is sent: until its outcome is known, or patience ends.

A change carries an idempotency key, so sending it again can't make it twice. It is sent again where nobody knows what became of it: the
connection broke after it was made, or the server says `outcome_unknown`. Everything else is final at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional

import httpx

from elitscope.errors import ElitscopeError, OutcomeUnknown, ServerGone
from elitscope.rest.answers import code_of
from elitscope.rest.requests import KEY_HEADER, Request

PAUSE_S = 0.2
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_UNKNOWN = "outcome_unknown"
_UNAVAILABLE = 503


class Asking:
    """One request on its way to an outcome. Tell it what came of each attempt; it says how long to pause before the next.

    Args:
        request: with its key.
        address: of the server, for the words of errors.
        timeout: seconds after which it is not sent again.
        clock: monotonic seconds.
    """

    def __init__(self, request: Request, address: str, timeout: float, clock: Callable[[], float]) -> None:
        self._request, self._address, self._clock = request, address, clock
        self._end = clock() + timeout + request.patience_s
        self._timeout = timeout + request.patience_s
        self._in_doubt = False

    def answered(self, response: httpx.Response) -> Optional[float]:
        """The pause before it is sent again; None where the answer is final.

        Raises:
            OutcomeUnknown: patience has ended, and what became of the change is not known.
        """
        unknown = response.status_code >= _UNAVAILABLE and code_of(response) == _UNKNOWN
        # once a change may have been made, "come back later" says nothing about it
        if self._request.change and (unknown or (self._in_doubt and response.status_code == _UNAVAILABLE)):
            self._in_doubt = True
            return self._pause("the server does not know yet")
        return None

    def failed(self, error: httpx.HTTPError) -> float:
        """The pause before it is sent again.

        Raises:
            ServerGone: nobody answers, and nothing was changed. OutcomeUnknown: it may have been.
        """
        if not self._request.change or (isinstance(error, _NEVER_SENT) and not self._in_doubt):
            raise unreachable(self._address, error) from error
        self._in_doubt = True
        return self._pause(str(error) or type(error).__name__)

    def _pause(self, why: str) -> float:
        if self._clock() + PAUSE_S < self._end:
            return PAUSE_S
        change = f"{self._request.method} {self._request.path}"
        key = self._request.headers.get(KEY_HEADER)
        raise OutcomeUnknown(
            f"{self._address}: nobody could say within {self._timeout:g} s whether {change} was done ({why}): "
            f"look at what is in force before you try again ({KEY_HEADER} {key})"
        )


def unreachable(address: str, error: httpx.HTTPError) -> ElitscopeError:
    """The error for a request that got no answer."""
    reason = str(error) or type(error).__name__
    return ServerGone(f"{address} does not answer ({reason}): is the server running, and is this its HTTP address?")

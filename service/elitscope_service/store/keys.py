"""Every key and channel in the store, in one place. All start with `elitscope:`, so that a Redis can be shared with others.

| key                                | what                                                  | written by |
| ---------------------------------- | ----------------------------------------------------- | ---------- |
| `selection:{stream}:wanted`        | the selection that was asked for last                 | API, engine (puts a refused one back) |
| `selection:{stream}:applied`       | the selection in force                                | engine     |
| `selection:{stream}:undo`          | list of earlier states, the newest first              | engine     |
| `selection:{stream}:first-frames`  | hash: revision → the first frame analysed under it    | engine     |
| `selections`                       | set: streams that have a selection                    | API, engine |
| `hold:{stream}`, `autopilot:{stream}` | who keeps controllers out; what the drift monitor may do | API   |
| `command:{id}`                     | what became of a command, for a day                   | API, engine |
| `audit`                            | stream of every command and its outcome               | API, engine |
| `ensemble-wishes`                  | list of loads, unloads, deletions and uploads to be done | API, engine (takes out what is done) |
| `ensemble-command:{id}`            | what became of one of them, for a day                 | API, engine |
| `ensembles-loaded`                 | which ensembles are to be loaded after a restart      | engine     |
| `api-keys`                         | hash: name → key, hashed                              | key commands |
| `drift:{stream}`, `recommendation:{stream}` | what the drift monitor makes of a stream, for an hour | monitor |
| `watch:{stream}`                   | what it has learned to be usual in it, for an hour    | monitor    |
"""

from __future__ import annotations

PREFIX = "elitscope:"

AUDIT = f"{PREFIX}audit"
SELECTIONS = f"{PREFIX}selections"
ENSEMBLE_WISHES = f"{PREFIX}ensemble-wishes"
ENSEMBLES_LOADED = f"{PREFIX}ensembles-loaded"
API_KEYS = f"{PREFIX}api-keys"

WAKE_ENGINE = f"{PREFIX}wake:engine"
"""Channel: something for the engine's control thread to read. What was said there means nothing; the state is read anew."""

KEYS_CHANGED = f"{PREFIX}wake:api-keys"
"""Channel: a key was made or revoked."""

MONITOR = f"{PREFIX}monitor"
"""Channel: nothing is said there. Who listens is the drift monitor, so that it is known at any moment whether there is one."""

TOLD = f"{PREFIX}told"
"""Channel: what the drift monitor has to tell, a `Told` each time, which the engine publishes."""


def wanted(stream: str) -> str:
    """The selection that was asked for last.

    >>> wanted("haadf")
    'elitscope:selection:haadf:wanted'
    """
    return f"{PREFIX}selection:{stream}:wanted"


def applied(stream: str) -> str:
    """The selection in force."""
    return f"{PREFIX}selection:{stream}:applied"


def undo(stream: str) -> str:
    """Earlier states, the newest first."""
    return f"{PREFIX}selection:{stream}:undo"


def first_frames(stream: str) -> str:
    """Revision → the first frame analysed under it."""
    return f"{PREFIX}selection:{stream}:first-frames"


def hold(stream: str) -> str:
    """Who holds the stream; expires by itself where the hold has an end."""
    return f"{PREFIX}hold:{stream}"


def autopilot(stream: str) -> str:
    """What the drift monitor may do on the stream."""
    return f"{PREFIX}autopilot:{stream}"


def drift(stream: str) -> str:
    """What the drift monitor saw in the stream's last frames."""
    return f"{PREFIX}drift:{stream}"


def watch(stream: str) -> str:
    """What the drift monitor has learned to be usual in the stream."""
    return f"{PREFIX}watch:{stream}"


def recommendation(stream: str) -> str:
    """What the drift monitor would do."""
    return f"{PREFIX}recommendation:{stream}"


def command(command_id: str) -> str:
    """What became of a command."""
    return f"{PREFIX}command:{command_id}"


def ensemble_command(command_id: str) -> str:
    """What became of a load, an unload, a deletion or an upload."""
    return f"{PREFIX}ensemble-command:{command_id}"


def settled(command_id: str) -> str:
    """Channel: the engine has settled the command."""
    return f"{PREFIX}settled:{command_id}"

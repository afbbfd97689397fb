"""What is kept in the store: frozen documents, as JSON.

A selection is changed in two steps. The API writes what is *wanted*, the engine brings it into force and writes what is *applied*, or puts
the wanted one back and says why. While wanted is ahead of applied, nobody else may write: every command has an outcome of its own.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from elitscope_service.status import EnsembleStatus

Role = Literal["operator", "controller"]
StreamName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
Mode = Literal["off", "advise", "act"]
Outcome = Literal["applied", "refused"]


class Document(BaseModel):
    """Anything in the store. An unknown field is an error: it was written by another version, and would be lost when written back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def dumps(self) -> str:
        """As it is kept."""
        return self.model_dump_json()

    @classmethod
    def loads(cls, text: str | bytes) -> Self:
        """From what was kept.

        Raises:
            pydantic.ValidationError: it is no such document.
        """
        return cls.model_validate_json(text)

    @classmethod
    def loads_or_none(cls, text: str | bytes | None) -> Self | None:
        """The same; None where there is nothing."""
        return None if text is None else cls.loads(text)


class SelectionState(Document):
    """Which networks: what an undo goes back to, and the audit's `from` and `to`."""

    ensemble: str
    members: tuple[int, ...] = Field(description="Active ids, ascending")


class WantedSelection(Document):
    """What somebody asked for.

    `members` None: all of the ensemble's; `base`: the revision that it changes, which must still be in force.
    """

    stream: str
    revision: int
    base: int
    ensemble: str
    members: tuple[int, ...] | None
    action: str
    author: str
    role: Role
    reason: str = ""
    at: float
    command: str
    fingerprint: str


class AppliedSelection(Document):
    """The selection in force. `last_revision`: the highest that was ever asked for; refused ones are not used again.

    `min_members`: the fewest that a change may leave active; `preference`: every id of the ensemble, most trusted first.
    `touched`: somebody set it; otherwise it is the copy of `default` that the stream started with.
    """

    stream: str
    revision: int
    last_revision: int
    ensemble: str
    members: tuple[int, ...]
    min_members: int
    preference: tuple[int, ...]
    author: str
    role: Role
    reason: str
    since: float
    touched: bool

    @property
    def state(self) -> SelectionState:
        """Just the networks."""
        return SelectionState(ensemble=self.ensemble, members=self.members)


class FirstFrame(Document):
    """The first frame that was analysed under a revision. `at`: Unix seconds at which its analysis was done."""

    frame_id: int
    at: float


class CommandRecord(Document):
    """What became of a command. `fingerprint` tells the same request asked again from another one under the same idempotency key.

    `status` is `pending` until the engine has settled it; `code` and `detail` say why where it was refused.
    """

    fingerprint: str
    stream: str
    revision: int
    status: Literal["pending", "applied", "refused"] = "pending"
    code: str = ""
    detail: str = ""
    result: AppliedSelection | None = None


class EnsembleWish(Document):
    """Something that is to be done with an ensemble. `archive`: the uploaded file's name, where that is to become one."""

    action: Literal["load", "unload", "delete", "upload"]
    ensemble: str | None = None
    archive: str | None = None
    author: str
    role: Role
    reason: str = ""
    at: float
    command: str


class EnsembleRecord(Document):
    """What became of a wish.

    `begun`: it takes its time. `at`: Unix seconds at which it was settled; `ensemble`: as it then was. `code` and `detail` say why where it
    was refused. `fingerprint` as in `CommandRecord`.
    """

    fingerprint: str
    status: Literal["pending", "begun", "applied", "refused"] = "pending"
    code: str = ""
    detail: str = ""
    at: float = 0.0
    ensemble: EnsembleStatus | None = None

    @property
    def is_settled(self) -> bool:
        """Whether it is done, or refused."""
        return self.status in ("applied", "refused")


class LoadedEnsembles(Document):
    """Which ensembles somebody has loaded: digests of their bundles by name. The higher revision counts."""

    revision: int = 0
    digests: dict[str, str] = Field(default_factory=dict)


class Hold(Document):
    """An operator keeps controllers off a stream. `until`: Unix seconds, None without an end."""

    holder: str
    reason: str = ""
    since: float
    until: float | None = None


class Autopilot(Document):
    """What the drift monitor may do on a stream: nothing, advise, or act."""

    mode: Mode = "off"
    author: str = "server"
    since: float = 0.0


class Told(Document):
    """Something that the drift monitor has to tell of a stream. `is_event`: it happened; otherwise figures, which replace those before."""

    stream: StreamName
    is_event: bool
    at: float
    body: dict[str, JsonValue]


class AuditEntry(Document):
    """One command: who, when, why, from what to what, and what became of it. The first frame is kept apart, since it comes later."""

    at: float
    action: str = Field(description="use, only, deselect, select, undo, hold, release, autopilot, load, ...")
    stream: str | None = None
    subject: str | None = Field(default=None, description="What it was done to, where that is no stream: an ensemble, a key")
    author: str
    role: Role
    reason: str = ""
    before: SelectionState | None = None
    after: SelectionState | None = None
    value: str | None = Field(default=None, description="What was set, where that is no selection")
    revision: int | None = None
    outcome: Outcome = "applied"
    code: str = ""
    detail: str = ""

"""OCPP-J's remote procedure calls (OCPP 2.0.1 part 4, chapter 4): frames in, values out. No socket, no clock, no ids.

Whatever text a station sends, ``receive`` returns a value and never raises: a hostile or broken station costs one
CALLERROR. Payloads stay the camelCase objects that were received, because converting keys corrupts ``customData``.

Not here: what a message means (``v201``), and the order in which calls wait for their turn (``outbox``).
"""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

Payload = dict[str, Any]
"""A message's payload: a JSON object with the keys of the specification."""

FRAME_BYTES_MAX = 1024 * 1024
"""Frames above this are refused."""
ORDINARY_CHARACTERS_MAX = 128 * 1024
"""So are calls above this, but for those in ``LONG``."""
LONG = frozenset(
    (
        "MeterValues",
        "NotifyCustomerInformation",
        "NotifyDisplayMessages",
        "NotifyEvent",
        "NotifyMonitoringReport",
        "NotifyReport",
        "ReportChargingProfiles",
        "StopTransaction",
        "TransactionEvent",
    )
)
"""Calls whose schema sets no end to a list in them: a device model in one piece, a day of signed readings in a 1.6
StopTransaction. Without those a station's bill could never come in."""
DEPTH_MAX = 32
"""How deep a frame's arrays and objects may nest; the deepest of the specification's own reaches a dozen."""
DIGITS_MAX = 18
"""Longer integers fit no 64-bit field, so nothing after this door could keep them. They read as null, like numbers
beyond a double: then the schema says which field it is, and the station hears of it under its message's own id."""
MESSAGE_ID_MAX = 36
DESCRIPTION_MAX = 255
UNREADABLE_ID = "-1"
"""The message id of a CALLERROR when the one that it answers cannot be read."""

BOTH_WAYS = "DataTransfer"
"""The one action that stations and CSMS may both call."""

_INTEGER_END = 10**DIGITS_MAX
_CALL, _CALL_RESULT, _CALL_ERROR = 2, 3, 4


class ErrorCode(StrEnum):
    """Why a CALL was refused: part 4, section 4.3, in its spelling (1.6 spells two of them otherwise)."""

    FORMAT_VIOLATION = "FormatViolation"
    GENERIC_ERROR = "GenericError"
    INTERNAL_ERROR = "InternalError"
    MESSAGE_TYPE_NOT_SUPPORTED = "MessageTypeNotSupported"
    NOT_IMPLEMENTED = "NotImplemented"
    NOT_SUPPORTED = "NotSupported"
    OCCURRENCE_CONSTRAINT_VIOLATION = "OccurrenceConstraintViolation"
    PROPERTY_CONSTRAINT_VIOLATION = "PropertyConstraintViolation"
    PROTOCOL_ERROR = "ProtocolError"
    RPC_FRAMEWORK_ERROR = "RpcFrameworkError"
    SECURITY_ERROR = "SecurityError"
    TYPE_CONSTRAINT_VIOLATION = "TypeConstraintViolation"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a message, in words for the station's maker."""

    code: ErrorCode
    description: str
    details: Mapping[str, str] = field(default_factory=dict)


Validator = Callable[[object], Problem | None]
"""Judges a payload; None when it is as its schema asks."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One OCPP version as the framework sees it: a validator per action, which actions a station may call, and its own
    words for the error codes that 2.0.1 spells otherwise."""

    requests: Mapping[str, Validator]
    responses: Mapping[str, Validator]
    from_station: frozenset[str]

    def goes_to_station(self, action: str) -> bool:
        """Whether this version has an action that a CSMS may call."""
        return action in self.requests and (action not in self.from_station or action == BOTH_WAYS)

    codes: Mapping[ErrorCode, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """A station asks; its payload is as the schema says. Owed an answer."""

    message_id: str
    action: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class Answered:
    """A station's CALLRESULT to our open call. ``problem`` when its schema refuses it: stations in the field do send
    such, and the one word that matters may well be readable."""

    message_id: str
    action: str
    payload: Payload
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A station's CALLERROR to our open call. ``code`` is the station's word, not always one of ``ErrorCode``."""

    message_id: str
    action: str
    code: str
    description: str


@dataclass(frozen=True, slots=True)
class Violation:
    """A frame that breaks the protocol, and the CALLERROR to send back. ``unreadable``: it is no message at all.
    ``too_long``: no more is to be heard from who sends such."""

    problem: Problem
    reply: str
    unreadable: bool = False
    too_long: bool = False


@dataclass(frozen=True, slots=True)
class Ignored:
    """A frame that asks for nothing: an answer that is late, unasked for or unreadable."""

    reason: str


Received = Call | Answered | Refused | Violation | Ignored


@dataclass(frozen=True, slots=True)
class OpenCall:
    """Our call that a station still owes an answer. ``deadline_real_s`` is on the caller's monotonic clock."""

    message_id: str
    action: str
    deadline_real_s: float


class Conversation:
    """The state of one connection: which of our calls is open. OCPP-J allows one in each direction (4.1.1); the
    station's own is answered before the next frame is read, so it needs no state."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._open: OpenCall | None = None

    @property
    def open_call(self) -> OpenCall | None:
        """The call that waits for its answer, or None when the next may be sent."""
        return self._open

    def receive(self, frame: str | bytes) -> Received:
        """What a frame says. Never raises; a Violation carries the CALLERROR to send."""
        if not isinstance(frame, str):
            return self._unreadable("OCPP-J frames are text, this one is binary")
        if len(frame) > FRAME_BYTES_MAX:
            return self._unreadable(f"the frame has {len(frame)} characters, {FRAME_BYTES_MAX} are allowed")
        try:
            message = _DECODER.decode(frame)
        except (ValueError, RecursionError) as error:
            return self._unreadable(f"the frame is not acceptable JSON: {error}")
        if not isinstance(message, list) or not message or type(message[0]) is not int:
            return self._unreadable("a message is an array that begins with its message type number")
        kind, *rest = message
        if kind in (_CALL_RESULT, _CALL_ERROR):
            return self._answer(kind, rest) if _storable(frame, message) else Ignored("an answer that cannot be kept")
        if len(frame) > ORDINARY_CHARACTERS_MAX and not any(rest[1:2] == [name] for name in LONG):
            found = self._unreadable(f"the call has {len(frame)} characters, {ORDINARY_CHARACTERS_MAX} are allowed")
            return replace(found, too_long=True)
        if kind != _CALL:
            text = f"message type {kind} is none of 2 (CALL), 3 (CALLRESULT), 4 (CALLERROR)"
            return self._violation(_message_id(rest), ErrorCode.MESSAGE_TYPE_NOT_SUPPORTED, text)
        if not _storable(frame, message):
            text = f"text holds NUL or half a surrogate pair, or values nest deeper than {DEPTH_MAX}"
            return self._violation(_message_id(rest), ErrorCode.FORMAT_VIOLATION, text)
        return self._call(rest)

    def answer(self, message_id: str, payload: Payload) -> str:
        """The CALLRESULT frame for a station's call; most say nothing."""
        said = _ENCODE(payload) if payload else "{}"
        return f"[{_CALL_RESULT},{_ENCODE(message_id)},{said}]"

    def refuse(self, message_id: str, problem: Problem) -> str:
        """The CALLERROR frame for a station's call that is as its schema asks and is refused all the same."""
        return self._call_error(message_id, problem)

    def call(self, message_id: str, action: str, payload: Payload, *, deadline_real_s: float) -> str:
        """The CALL frame, which is open from now on. Raises RuntimeError while another one is."""
        if self._open is not None:
            raise RuntimeError(f"{self._open.action} still waits for its answer, {action} must wait for its turn")
        self._open = OpenCall(message_id, action, deadline_real_s)
        return _ENCODE([_CALL, message_id, action, payload])

    def expire(self, now_real_s: float) -> OpenCall | None:
        """Give up the open call when its deadline has passed, and say which; a late answer is ignored."""
        if self._open is None or now_real_s < self._open.deadline_real_s:
            return None
        expired, self._open = self._open, None
        return expired

    def _call(self, rest: list[Any]) -> Received:
        message_id = _message_id(rest)
        if message_id == UNREADABLE_ID:
            text = f"a message id is a string of 1 to {MESSAGE_ID_MAX} characters"
            if rest and type(rest[0]) is int:  # readable for what it is: whoever sent it knows it again by nothing else
                return self._violation(rest[0], ErrorCode.PROTOCOL_ERROR, text)
            return self._unreadable(text)
        if len(rest) != 3:
            text = f"a CALL has 4 elements (type, message id, action, payload), this one has {len(rest) + 1}"
            return self._violation(message_id, ErrorCode.PROTOCOL_ERROR, text)
        _, action, payload = rest
        if not isinstance(action, str):
            return self._violation(message_id, ErrorCode.RPC_FRAMEWORK_ERROR, "the action of a CALL is a string")
        if (problem := self._judge(action, payload)) is not None:
            return Violation(problem, self._call_error(message_id, problem))
        return Call(message_id, action, payload)

    def _judge(self, action: str, payload: object) -> Problem | None:
        validate = self._dialect.requests.get(action)
        if validate is None:
            return Problem(ErrorCode.NOT_IMPLEMENTED, f"this OCPP version has no action {action[:50]!r}")
        if action not in self._dialect.from_station:
            return Problem(ErrorCode.NOT_SUPPORTED, f"{action} goes from the CSMS to a station, not the other way")
        if not isinstance(payload, dict):
            return Problem(ErrorCode.TYPE_CONSTRAINT_VIOLATION, "the payload of a CALL is an object")
        return validate(payload)

    def _answer(self, kind: int, rest: list[Any]) -> Received:
        if self._open is None or not rest or rest[0] != self._open.message_id:
            return Ignored("an answer to no open call, or a late one")
        answered, self._open = self._open, None
        if kind == _CALL_ERROR:
            code, description = ([str(x)[:DESCRIPTION_MAX] for x in rest[1:3]] + ["", ""])[:2]
            return Refused(answered.message_id, answered.action, code or "(no error code)", description)
        payload = rest[1] if len(rest) == 2 else None
        if not isinstance(payload, dict):
            problem = Problem(ErrorCode.FORMAT_VIOLATION, "a CALLRESULT has 3 elements, the last of them an object")
            return Answered(answered.message_id, answered.action, {}, problem)
        validate = self._dialect.responses[answered.action]
        return Answered(answered.message_id, answered.action, payload, validate(payload))

    def _unreadable(self, description: str) -> Violation:
        problem = Problem(ErrorCode.RPC_FRAMEWORK_ERROR, description)
        return Violation(problem, self._call_error(UNREADABLE_ID, problem), unreadable=True)

    def _violation(self, message_id: str | int, code: ErrorCode, description: str) -> Violation:
        problem = Problem(code, description)
        return Violation(problem, self._call_error(message_id, problem))

    def _call_error(self, message_id: str | int, problem: Problem) -> str:
        word = self._dialect.codes.get(problem.code, problem.code)
        described = problem.description[:DESCRIPTION_MAX]
        return _ENCODE([_CALL_ERROR, message_id, word, described, dict(problem.details)])


def _message_id(rest: list[Any]) -> str:
    readable = rest and isinstance(rest[0], str) and 0 < len(rest[0]) <= MESSAGE_ID_MAX
    return rest[0] if readable else UNREADABLE_ID


def _storable(frame: str, message: list[Any]) -> bool:
    """Whether the log, SQLite and PostgreSQL can hold what a frame says: no NUL, no half surrogate pair (both can only
    come from an escape), no endless nesting. Most frames are cleared by two looks at their text."""
    if "\\u" not in frame and frame.count("[") + frame.count("{") <= DEPTH_MAX:
        return True
    level: list[Any] = [message]
    for _ in range(DEPTH_MAX + 1):
        if not all(_sound(value) for value in level if isinstance(value, str)):
            return False
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            return True
    return False


def _inside(value: object) -> list[Any]:
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    return value if isinstance(value, list) else []


def _sound(text: str) -> bool:
    return "\x00" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _integer(digits: str) -> int | None:
    return int(digits) if len(digits.removeprefix("-")) <= DIGITS_MAX else None


def _number(digits: str) -> float | None:
    """Some stations write 1 as 1.0, and the schemas take it for the integer that it is; so do we."""
    value = float(digits)
    if not math.isfinite(value):
        return None
    if not value.is_integer():
        return value
    return int(value) if abs(value) < _INTEGER_END else None


def _constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


_ENCODE = json.JSONEncoder(separators=(",", ":")).encode
_DECODER = json.JSONDecoder(parse_int=_integer, parse_float=_number, parse_constant=_constant)

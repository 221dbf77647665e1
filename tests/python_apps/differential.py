"""Runs under SyftEvent and in the sandbox: the same requests have to get the same answers."""

import collections
import dataclasses
import datetime
import decimal
import enum
import sys
import typing
import uuid

from syft_event import EventRouter, Request, Response, SyftEvents
from syft_rpc.protocol import SyftStatus

box = SyftEvents("differential")


@dataclasses.dataclass
class Person:
    name: str
    n: int = 3
    x: typing.Optional[float] = None


@dataclasses.dataclass
class Team:
    name: str
    lead: Person


class Color(enum.Enum):
    RED = "red"
    ONE = 1


Pair = collections.namedtuple("Pair", "a b")

# What the release knows to give.


@box.on_request("/request")
def request(request: Request) -> Response:
    return Response(body=request.body, headers=request.headers)


@box.on_request("/shown")
def shown(request: Request) -> dict:
    return {
        "sender": request.sender,
        "method": request.method,
        "kinds": [type(it).__name__ for it in (request.id, request.sender, request.headers)],
        "body": type(request.body).__name__,
        "host": request.url.host,
        "path": request.url.path,
        "query": request.url.query,
    }


@box.on_request("/text")
def text(name: str) -> str:
    return f"{type(name).__name__} {name!r}"


@box.on_request("/text_with_default")
def text_with_default(name: str = "World") -> str:
    return f"{type(name).__name__} {name!r}"


@box.on_request("/dict")
def dict_(data: dict):
    return f"{type(data).__name__} {data!r}"


@box.on_request("/dict_back")
def dict_back(data: dict) -> dict:
    return data


@box.on_request("/person")
def person(person: Person) -> Person:
    return person


@box.on_request("/person_shown")
def person_shown(name: Person) -> str:
    return repr(name)


@box.on_request("/text_and_dict")
def text_and_dict(text: str, data: dict):
    return [text, data]


@box.on_request("/app")
def app(app: SyftEvents, request: Request):
    return [app.app_name, request.sender]


@box.on_request("/app_and_text")
async def app_and_text(app: SyftEvents, name: str):
    return name + app.app_name


@box.on_request("/nothing")
def nothing():
    return None


# What it describes and cannot call: by name.


@box.on_request("/int")
def int_(name: int) -> int:
    return name


@box.on_request("/float")
def float_(name: float = 1.5) -> float:
    return name


@box.on_request("/bool")
def bool_(name: bool) -> bool:
    return name


@box.on_request("/list")
def list_(name: typing.List[int]) -> typing.List[int]:
    return name


@box.on_request("/optional")
def optional(name: typing.Optional[str] = None):
    return repr(name)


@box.on_request("/union")
def union(name: typing.Union[int, str]):
    return repr(name)


@box.on_request("/color")
def color(name: Color):
    return name.name


@box.on_request("/any")
def any_(name: typing.Any):
    return repr(name)


@box.on_request("/untyped")
def untyped(name):
    return repr(name)


@box.on_request("/calculate")
def calculate(a: int, b: int, operation: str = "add") -> int:
    if operation == "add":
        return a + b
    raise ValueError("unsupported")


@box.on_request("/team")
def team(team: Team):
    return type(team.lead).__name__


# What comes back.

values = EventRouter()

VALUES = {
    "none": None,
    "empty_text": "",
    "text": "héllo <>/?~~~ÿ",
    "half_character": "\ud800",
    "bytes": b"\xfb\xff\xfe>>>???\x00",
    "empty_bytes": b"",
    "dict": {"b": 1, "a": None, "é": [1.0, True]},
    "empty_dict": {},
    "nested": {"a": {"b": [{"c": ()}, [], {}]}},
    "dict_of_floats": {
        "a": 1e16,
        "b": 1e-7,
        "c": 1e22,
        "d": 1e15,
        "e": 1e-5,
        "f": -1.5e-5,
        "g": 5e-324,
        "h": -0.0,
        "i": 0.1 + 0.2,
    },
    "dict_of_nan": {"a": float("nan"), "b": float("-inf")},
    "dict_of_escapes": {"\x00\b\f\n\r\t\x1f\x7f\u2028\"\\/é😀": "\x00\b\f\n\r\t\x1f\x7f\u2028\"\\/é😀"},
    "dict_of_times": {
        "a": datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc),
        "b": datetime.datetime(2024, 1, 1, 2, 3, 4, 5),
        "c": datetime.date(2024, 2, 29),
        "d": datetime.time(1, 2, 3),
        "e": datetime.timedelta(days=400, hours=1, minutes=2, seconds=3.5),
        "f": datetime.timedelta(0),
        "g": -datetime.timedelta(minutes=5),
    },
    "dict_of_kinds": {
        "a": {1},
        "b": (1, 2),
        "c": b"text",
        "d": Color.RED,
        "e": decimal.Decimal("1.50"),
        "f": uuid.UUID(int=7),
        "g": Person("a"),
        "h": Pair(1, 2),
        "i": range(0),
    },
    "dict_of_more_kinds": {"a": {1}, "d": Color.ONE, "g": Person("a"), "h": Pair(1, 2)},
    "dict_of_keys": {"a": {1: 1, 1.5: 2, True: 3, None: 4, Color.RED: 5, (1, 2): 6}},
    "dict_of_bad_bytes": {"a": b"\xff"},
    "dict_with_number_key": {1: 2},
    "dict_of_object": {"a": object()},
    "dict_of_big_numbers": {"a": 2**70, "b": -(2**70)},
    "dict_named_as_methods": {"self": 1, "model_config": 2, "copy": 3, "_a": 4, "": 5},
    "ordered": collections.OrderedDict(b=1, a=2),
    "counter": collections.Counter("aab"),
    "dataclass": Person("z"),
    "nested_dataclass": Team("t", Person("z")),
    "class": Person,
    "list": ["é", 1, None],
    "list_of_floats": [1e16, 1e-7, 1.0, float("nan"), float("inf")],
    "list_of_dicts": [{"a": 1}, {1: 2}],
    "list_of_dataclasses": [Person("z")],
    "tuple": ("é", (1,)),
    "named_tuple": Pair(1, "é"),
    "int": 5,
    "big_int": 2**70,
    "float": 1.0,
    "true": True,
    "status": SyftStatus.SYFT_200_OK,
    "set": {1, 2},
    "bytearray": bytearray(b"x"),
    "object": object(),
    "enum": Color.RED,
    "decimal": decimal.Decimal(1),
    "datetime": datetime.datetime(2024, 1, 1),
    "response": Response(body="x"),
    "response_of_nothing": Response(),
    "response_of_dict": Response(body={"a": "é"}, status_code=201),
    "response_of_dataclass": Response(body=Person("z"), headers={"X-B": "1", "x-a": "ü"}),
    "response_of_set": Response(body={1}),
    "response_of_no_headers": Response(body="x", headers={}),
    "response_with_status_of_text": Response(body="x", status_code="404"),
    "response_with_status": Response(body="x", status_code=SyftStatus.CREATED),
    "response_419": Response(body="x", status_code=419),
    "response_499": Response(body="x", status_code=499),
    "response_299": Response(body="x", status_code=299),
    "response_999": Response(body="x", status_code=999),
    "response_0": Response(body="x", status_code=0),
}


def returning(value):
    def handler():
        return value

    return handler


for name, value in VALUES.items():
    values.on_request(f"/{name}")(returning(value))

box.include_router(values, prefix="/return")


# What fails.


@box.on_request("/fail/value")
def fail_value():
    raise ValueError("secret")


@box.on_request("/fail/key")
def fail_key():
    return {}["secret"]


@box.on_request("/fail/zero")
async def fail_zero():
    return 1 / 0


@box.on_request("/fail/exit")
def fail_exit():
    sys.exit(1)


@box.on_request("/fail/interrupt")
def fail_interrupt():
    raise KeyboardInterrupt


@box.on_request("/fail/headers")
def fail_headers():
    return Response(body="x", headers={"a": 1})


@box.on_request("/fail/status")
def fail_status():
    return Response(body="x", status_code="none")


@box.on_request("/fail/generator")
def fail_generator():
    yield 1


@box.on_request("/fail/recursion")
def fail_recursion():
    return fail_recursion()


if __name__ == "__main__":
    box.run_forever()

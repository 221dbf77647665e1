"""Models of pydantic, under SyftEvent and in the sandbox: the same requests, the same answers."""

import dataclasses
import datetime
import decimal
import enum
import uuid
from typing import Annotated, Any, Dict, Generic, List, Literal, Optional, TypeVar, Union

import pydantic
import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    EmailStr,
    Field,
    HttpUrl,
    RootModel,
    SecretStr,
    ValidationError,
    computed_field,
    field_validator,
    model_validator,
)
from syft_core import SyftBoxURL
from syft_event import EventRouter, SyftEvents
from syft_event.types import Request, Response

box = SyftEvents("models")
router = EventRouter()
T = TypeVar("T")


class Role(str, enum.Enum):
    ADMIN = "admin"
    USER = "user"


class Address(BaseModel):
    street: str = Field(min_length=2, description="Street and number")
    zip: int = Field(gt=0, lt=100_000, alias="zipCode")
    model_config = ConfigDict(populate_by_name=True)


class User(BaseModel):
    """Somebody with an account."""

    name: str
    age: int = Field(default=30, ge=0, le=150)
    email: Optional[EmailStr] = None
    roles: List[Role] = Field(default_factory=lambda: [Role.USER])
    address: Optional[Address] = None
    created: datetime.datetime = datetime.datetime(2020, 1, 2, 3, 4, 5)

    @field_validator("name")
    @classmethod
    def named(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("a name has letters")
        return value.title()

    @computed_field
    @property
    def initial(self) -> str:
        return self.name[0]


class Strict(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    n: int
    when: Optional[datetime.date] = None


class Span(BaseModel):
    start: int
    end: int

    @model_validator(mode="after")
    def ordered(self):
        if self.end < self.start:
            raise ValueError("it ends before it starts")
        return self


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]
    tricks: Dict[str, int] = {}


class Pet(BaseModel):
    pet: Annotated[Union[Cat, Dog], Field(discriminator="kind")]


class Page(BaseModel, Generic[T]):
    items: List[T]
    total: int


class Names(RootModel[List[str]]):
    pass


class Odd(BaseModel):
    id: uuid.UUID
    amount: decimal.Decimal
    data: bytes = b"\xffa"
    site: Optional[HttpUrl] = None
    secret: SecretStr = SecretStr("hidden")
    url: Optional[SyftBoxURL] = None
    any: Any = None
    tree: Optional["Odd"] = None


@dataclasses.dataclass
class Plain:
    name: str
    n: int = 1


@box.on_request("/user")
def user(user: User) -> User:
    """Gives a user back."""
    return user


@box.on_request("/strict")
def strict(value: Strict) -> dict:
    return {"n": value.n, "value": value}


@box.on_request("/span")
def span(span: Span):
    return span.end - span.start


@box.on_request("/pet")
def pet(pet: Pet) -> Pet:
    return pet


@box.on_request("/names")
def names(names: Names) -> Names:
    return names


@box.on_request("/page")
def page(page: Page[Cat]) -> Page[Cat]:
    return page


@box.on_request("/odd")
def odd(odd: Odd) -> Odd:
    return odd


@box.on_request("/odd_dict")
def odd_dict(odd: Odd) -> dict:
    return odd.model_dump()


@box.on_request("/with_request")
def with_request(user: User, request: Request) -> dict:
    return {"user": user.name, "sender": request.sender, "fields": sorted(user.model_fields_set)}


@box.on_request("/both")
def both(user: User, plain: Plain):
    return {"user": user, "plain": plain}


@box.on_request("/dumped")
def dumped(user: User) -> str:
    return user.model_dump_json(indent=2, exclude_none=True, by_alias=True)


@box.on_request("/schema")
def schema(request: Request) -> dict:
    return {"user": User.model_json_schema(), "pet": Pet.model_json_schema()}


@box.on_request("/response")
def response(user: User) -> Response:
    return Response(body=user, status_code=201, headers={"X-Name": user.name})


@box.on_request("/caught")
def caught(data: dict) -> dict:
    try:
        return {"ok": User(**data)}
    except ValidationError as error:
        return {"errors": error.errors(include_url=False, include_context=False), "n": error.error_count()}


@box.on_request("/raised")
def raised(data: dict):
    return User.model_validate(data)


@box.on_request("/keep")
def keep(user: User) -> dict:
    users = box.state.setdefault("users", {})
    users[user.name] = user
    return {"kept": users[user.name], "kind": type(users[user.name]).__name__}


@box.on_request("/adapter")
def adapter(body: str):
    values = pydantic.TypeAdapter(Dict[str, List[int]]).validate_json(body)
    return {key: sum(value) for key, value in values.items()}


@box.on_request("/created")
def created(name: str):
    model = pydantic.create_model("Made", **{name: (int, 1)})
    return model()


@box.on_request("/yaml")
def yaml_(text: str) -> dict:
    return {"loaded": yaml.safe_load(text), "dumped": yaml.safe_dump({"b": [1, 2], "a": None})}


@router.on_request("/routed")
async def routed(user: User) -> User:
    return user.model_copy(update={"age": user.age + 1})


@box.on_request("/dict_of_models")
def dict_of_models(request: Request) -> dict:
    return {"a": User(name="x"), "list": [Cat(kind="cat")], "when": datetime.date(2020, 1, 1)}


@box.on_request("/list_of_models")
def list_of_models(request: Request) -> list:
    return [Cat(kind="cat"), Cat(kind="cat", lives=1)]


# What the release refuses, and what its README says.


@box.on_request("/several")
def several(user: User, span: Span = None) -> dict:
    return {"user": user, "span": span}


@box.on_request("/nested")
def nested(users: List[User], by_name: Dict[str, Span] = {}, one: Union[Cat, Dog, None] = None):
    return {"users": users, "by_name": by_name, "one": one}


@box.on_request("/bounded")
def bounded(n: Annotated[int, Field(gt=3)], url: Optional[HttpUrl] = None):
    return {"n": n, "url": url}


box.include_router(router, prefix="/v1")
box.run_forever()

"""An app of the released SyftEvent, with some of the endpoints of the probe."""

from syft_core import Client
from syft_event import SyftEvents
from syft_event.types import Request, Response

from peer import CLIENT, OWNER

APP = "stock"


def app():
    owner = Client(CLIENT.config.model_copy(update={"email": OWNER}))
    app = SyftEvents(APP, client=owner)

    @app.on_request("/echo")
    def echo(request: Request) -> Response:
        """Answers the body and the headers of the request.

        No body stays no body.
        """
        return Response(body=request.body, headers=request.headers)

    @app.on_request("/headers")
    def headers() -> Response:
        return Response(body="headers", headers={"X-First": "1", "Content-Type": "text/plain"})

    @app.on_request("/dict")
    def dict_() -> dict:
        return {"a": 1, "é": None}

    @app.on_request("/refuse")
    def refuse() -> Response:
        return Response(body="not now", status_code=409)

    @app.on_request("/text")
    def text(text: str) -> str:
        return text

    @app.on_request("/bytes")
    def bytes_(data: bytes) -> bytes: ...

    @app.on_request("/deep/er")
    def deeper() -> str:
        return "deeper"

    # The release describes these as we do. It cannot call them.

    @app.on_request("/status")
    def status(code: int) -> Response: ...

    @app.on_request("/int")
    def int_(value: int = 5) -> int: ...

    @app.on_request("/float")
    def float_(value: float = 1.0) -> float: ...

    @app.on_request("/bool")
    def bool_(value: bool = True) -> bool: ...

    @app.on_request("/list")
    def list_(value: list[str] = ()) -> list[str]: ...

    @app.on_request("/fail")
    def fail(text: str = "secret") -> int:
        return int("secret")

    return app

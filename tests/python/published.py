"""What an app publishes, compared with what the released SyftEvent publishes."""

import json

import yaml
from syft_core.permissions import SyftPermission
from syft_event import SyftEvents
from syft_event.types import Request, Response

from peer import CLIENT, OWNER, RPC, behaviour, main

PERMISSIONS = "syft.pub.yaml"
SCHEMA = "rpc.schema.json"


def stock():
    """Returns an app of the release with some of the endpoints of the probe."""
    owner = CLIENT.__class__(CLIENT.config.model_copy(update={"email": OWNER}))
    app = SyftEvents("stock", client=owner)

    @app.on_request("/echo")
    def echo(request: Request) -> Response:
        """Answers the body and the headers of the request.

        No body stays no body.
        """

    @app.on_request("/status")
    def status(code: int) -> Response: ...

    @app.on_request("/headers")
    def headers() -> Response: ...

    @app.on_request("/int")
    def int_(value: int = 5) -> int: ...

    @app.on_request("/float")
    def float_(value: float = 1.0) -> float: ...

    @app.on_request("/bool")
    def bool_(value: bool = True) -> bool: ...

    @app.on_request("/list")
    def list_(value: list[str] = ()) -> list[str]: ...

    @app.on_request("/dict")
    def dict_() -> dict: ...

    @app.on_request("/text")
    def text(text: str) -> str: ...

    @app.on_request("/bytes")
    def bytes_(data: bytes) -> bytes: ...

    @app.on_request("/deep/er")
    def deeper() -> str: ...

    app.init()
    return app


@behaviour
def permissions_are_those_of_the_release_to_the_byte():
    ours = (RPC / PERMISSIONS).read_bytes()
    assert ours == (stock().app_rpc_dir / PERMISSIONS).read_bytes(), ours
    assert len(yaml.safe_load(ours)["rules"]) == 3, ours


@behaviour
def the_schema_describes_as_the_release_does():
    ours = json.loads((RPC / SCHEMA).read_text())
    theirs = json.loads((stock().app_rpc_dir / SCHEMA).read_text())
    for endpoint, entry in theirs.items():
        assert json.dumps(ours[endpoint]) == json.dumps(entry), (endpoint, ours[endpoint], entry)
    shared = [endpoint for endpoint in ours if endpoint in theirs]
    assert shared == list(theirs), shared


@behaviour
def the_schema_is_laid_out_as_python_does():
    text = (RPC / SCHEMA).read_text()
    assert text == json.dumps(json.loads(text), indent=2), text


@behaviour
def released_folders_hold_the_same_kinds_of_files():
    def kinds(rpc):
        return {str(path.relative_to(rpc)) for path in rpc.rglob("*") if path.is_file()}

    theirs = kinds(stock().app_rpc_dir)
    assert theirs <= kinds(RPC), theirs - kinds(RPC)


if __name__ == "__main__":
    main()

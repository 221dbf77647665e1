"""What an app publishes, compared with what the released SyftEvent publishes."""

import json

import stock
import yaml
from peer import RPC, behaviour, main

PERMISSIONS = "syft.pub.yaml"
SCHEMA = "rpc.schema.json"


def released():
    """Returns the folder of an app of the release."""
    app = stock.app()
    app.init()
    return app.app_rpc_dir


@behaviour
def permissions_are_those_of_the_release_for_each_endpoint_alone():
    """The release lets everybody make folders of any name: `**` stands for them."""
    ours = yaml.safe_load((RPC / PERMISSIONS).read_text())["rules"]
    theirs = yaml.safe_load((released() / PERMISSIONS).read_text())["rules"]
    assert ours[0] == theirs[0], ours
    for rule in ours[1:]:
        assert rule["access"] == theirs[1]["access"], rule
        endpoint, folder, name = rule["pattern"].rsplit("/", 2)
        assert (RPC / endpoint).is_dir() and "*" not in endpoint, rule
        assert (folder, name) == ("{{.UserEmail}}", "*.{request,response}"), rule


def as_released(entry):
    """Returns an entry as readers of the release see it: what they know of it, in its order.
    Each JSON Schema stands under a key of its own."""
    args = {
        name: {key: value for key, value in arg.items() if key != "schema"}
        for name, arg in entry["args"].items()
    }
    entry = {**entry, "args": args}
    return {key: value for key, value in entry.items() if key != "returns_schema"}


@behaviour
def the_schema_describes_as_the_release_does():
    ours = json.loads((RPC / SCHEMA).read_text())
    theirs = json.loads((released() / SCHEMA).read_text())
    assert any(as_released(entry) != entry for entry in ours.values()), ours
    for endpoint, entry in theirs.items():
        found = as_released(ours[endpoint])
        assert json.dumps(found) == json.dumps(entry), (endpoint, found, entry)
    shared = [endpoint for endpoint in ours if endpoint in theirs]
    assert len(shared) == len(theirs), (shared, list(theirs))


@behaviour
def the_schema_is_laid_out_as_python_does():
    text = (RPC / SCHEMA).read_text()
    assert text == json.dumps(json.loads(text), indent=2), text


@behaviour
def released_folders_hold_the_same_kinds_of_files():
    def kinds(rpc):
        return {str(path.relative_to(rpc)) for path in rpc.rglob("*") if path.is_file()}

    theirs = kinds(released())
    assert theirs <= kinds(RPC), theirs - kinds(RPC)


if __name__ == "__main__":
    main()

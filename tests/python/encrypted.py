"""Encrypted requests of the released client, to us and to the released SyftEvent."""

import json
import os

import stock
from peer import APP, CLIENT, OWNER, behaviour, main, wait
from syft_crypto import EncryptedPayload, decrypt_message, ensure_bootstrap, x3dh_bootstrap
from syft_rpc import rpc
from syft_rpc.protocol import SyftRequest, SyftResponse

# Nothing here asks a server: there is none.
x3dh_bootstrap._fetch_did_from_server = lambda server_url, email: None


def dump(message, path):
    """Writes whole: the released server takes half a request for a malformed one."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(message.dumps(), encoding="utf-8")
    os.replace(temporary, path)


SyftRequest.dump = SyftResponse.dump = dump


def send(app, body, endpoint="echo", encrypt=True, **options):
    target = rpc.make_url(OWNER, app, endpoint)
    options |= {"client": CLIENT, "method": "POST", "encrypt": encrypt, "cache": False}
    return wait(rpc.send(target, body=body, **options))


def opened(response):
    payload = EncryptedPayload.model_validate_json(response.body)
    return decrypt_message(payload, client=CLIENT)


@behaviour
def both_open_what_a_client_encrypts():
    """The owner's keys are those that `syft-host encryption setup` has made."""
    theirs = stock.app()
    theirs.start()
    try:
        for body in ["héllo", {"name": "Zoë", "n": 3}, "x" * 100_000]:
            answers = [send(app, body) for app in (APP, stock.APP)]
            assert answers[0].status_code == answers[1].status_code == 200, answers
            assert answers[0].body == answers[1].body, answers
            assert answers[0].headers == answers[1].headers, answers
            assert answers[0].headers["X-Syft-Decrypted"] == "true", answers
    finally:
        theirs.stop()
    asked = {"X-Syft-Encrypt-Reply": "true"}
    assert opened(send(APP, "secret", headers=asked)) == "secret"
    # Without a body there is nothing to encrypt.
    assert send(APP, None).body is None


@behaviour
def a_program_encrypts_its_answers():
    assert opened(send(APP, "secret")) == "secret"
    # Whoever calls: the caller of this one has published keys by now.
    assert opened(send(APP, "open", encrypt=False)) == "open"
    assert opened(send(APP, {"n": 4}, "double")) == "8"
    wrong = send(APP, {"n": "private"}, "double")
    assert wrong.status_code == 400, wrong
    assert opened(wrong).startswith("Invalid request schema: "), wrong


@behaviour
def our_keys_are_taken():
    before = keys()
    ensure_bootstrap(CLIENT)
    assert keys() == before
    payload = rpc.serialize("to myself", encrypt=True, recipient=OWNER, client=CLIENT)
    payload = EncryptedPayload.model_validate_json(payload)
    assert decrypt_message(payload, client=CLIENT) == "to myself"


@behaviour
def keys_are_made_by_the_release():
    ensure_bootstrap(CLIENT)


def keys():
    did = CLIENT.datasites / CLIENT.email / "public" / "did.json"
    return json.loads(did.read_text())


main()

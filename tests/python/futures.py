"""The life of a future: cached requests, many at once, saved ones, the older layout."""

from syft_core import Client
from syft_rpc import rpc, rpc_db
from syft_rpc.protocol import SyftFuture, SyftRequest, SyftTimeoutError

from peer import CALLER, CLIENT, OWNER, PATIENCE, RPC, behaviour, folder_of, main, send, url, wait


@behaviour
def the_same_request_is_answered_each_time():
    ids = set()
    for turn in range(30):
        future = send("echo", {"same": "body"}, cache=True)
        ids.add(future.id)
        response = wait(future)
        assert response.status_code == 200, (turn, response)
        assert response.sender == OWNER and response.id == future.id, (turn, response)
        assert response.json() == {"same": "body"}, (turn, response)
        assert not future.request_path.exists() and not future.response_path.exists(), turn
    assert len(ids) == 1, ids


@behaviour
def the_same_request_counts_each_time():
    futures = []
    for turn in range(1, 6):
        futures.append(send("count", {}, cache=True))
        assert wait(futures[-1]).json() == turn, (turn, futures)
    assert len({future.id for future in futures}) == 1, futures


@behaviour
def a_request_sent_again_before_its_answer_shares_it():
    first = send("sleep", {"ms": 300}, cache=True)
    second = send("sleep", {"ms": 300}, cache=True)
    assert first == second
    assert wait(second).text() == "slept"
    # The release's own: whoever comes second finds nothing left.
    assert wait(first).status_code == 404


@behaviour
def broadcasts_gather_an_answer_from_each():
    endpoints = ["echo", "text", "bytes", "deep/er", "whoami", "refuse", "fail"]
    bulk = rpc.broadcast([str(url(endpoint)) for endpoint in endpoints], body="all", client=CLIENT)
    responses = bulk.gather_completed(timeout=PATIENCE, poll_interval=0.02)
    assert len(responses) == len(endpoints), responses
    assert {response.id for response in responses} == {future.id for future in bulk.futures}
    assert not bulk.pending and not bulk.all_failed
    by_url = {str(response.url): response for response in responses}
    statuses = [int(by_url[str(url(endpoint))].status_code) for endpoint in endpoints]
    assert statuses == [200, 200, 200, 200, 200, 409, 500], statuses
    for endpoint in ["echo", "text", "bytes"]:
        assert by_url[str(url(endpoint))].body == b"all", responses


@behaviour
def a_wait_that_gave_up_can_be_repeated():
    future = send("sleep", {"ms": 500})
    try:
        response = future.wait(timeout=0.1, poll_interval=0.01)
    except SyftTimeoutError:
        pass
    else:
        raise AssertionError(response)
    assert wait(future).text() == "slept"


@behaviour
def a_saved_future_finds_its_answer():
    sent = send("echo", "kept")
    rpc_db.save_future(sent, "tests", client=CLIENT)
    found = rpc_db.get_future(sent.id, client=CLIENT)
    assert found == sent and wait(found).text() == "kept"


@behaviour
def the_owner_may_call_too():
    owner = Client(CLIENT.config.model_copy(update={"email": OWNER}))
    future = rpc.send(url("whoami"), cache=False, client=owner)
    assert future.path == folder_of("whoami", OWNER)
    assert wait(future).json()["sender"] == OWNER


@behaviour
def the_older_layout_is_answered_beside_its_requests():
    for endpoint in ["echo", "deep/er"]:
        request = SyftRequest(sender=CALLER, url=url(endpoint), body=b"deeper", method="POST")
        folder = RPC / endpoint
        request.dump(folder / f"{request.id}.request")
        future = SyftFuture(id=request.id, path=folder, expires=request.expires, request=request)
        response = wait(future)
        assert response.status_code == 200, (endpoint, response)
        assert response.id == request.id and response.sender == OWNER, (endpoint, response)
        assert response.text() == "deeper", (endpoint, response)
        assert not future.request_path.exists() and not future.response_path.exists(), endpoint


if __name__ == "__main__":
    main()

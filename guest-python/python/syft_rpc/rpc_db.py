"""Futures that are kept for later calls: with the state of the app, in the transaction of the call.

The release keeps those of all apps in one database, by the namespaces that apps choose. Here an app
has its own. The parameter `client` is there for programs that give it.
"""

from __future__ import annotations

import json
from functools import cache
from typing import List, Optional, Union
from uuid import UUID

from syft_core.client_shim import Client
from syft_guest import host

from .protocol import SyftBulkFuture, SyftFuture, SyftRequest

_FUTURE = "py:future:"
# The ids of the futures that were saved together.
_BULK = "py:bulk:"


@cache
def get_default_client():
    return Client.load()


def save_future(
    future: SyftFuture,
    namespace: str,
    client: Optional[Client] = None,
    bulk_id: Optional[str] = None,
) -> str:
    entry = {**future.model_dump(mode="json"), "namespace": namespace}
    if future._request is not None:
        entry["request"] = future._request.dumps()
    _write(_FUTURE + entry["id"], entry)
    if bulk_id is not None:
        ids = _read(_BULK + str(bulk_id)) or []
        if entry["id"] not in ids:
            _write(_BULK + str(bulk_id), [*ids, entry["id"]])
    return entry["id"]


def get_future(
    future_id: Union[UUID, str], client: Optional[Client] = None
) -> Optional[SyftFuture]:
    entry = _read(_FUTURE + str(future_id))
    return None if entry is None else _future(entry)


def delete_future(future_id: Union[UUID, str], client: Optional[Client] = None) -> None:
    host.Bucket().delete(_FUTURE + str(future_id))


def cleanup_expired_futures(client: Optional[Client] = None) -> None:
    for future in list_futures():
        if future.is_expired:
            delete_future(future.id)


def list_futures(
    namespace: Optional[str] = None, client: Optional[Client] = None
) -> List[SyftFuture]:
    entries = [json.loads(value) for _, value in host.Bucket().items(_FUTURE)]
    return [_future(entry) for entry in entries if namespace in (None, "", entry["namespace"])]


def save_bulk_future(
    bulk_future: SyftBulkFuture, namespace: str, client: Optional[Client] = None
) -> str:
    bulk_id = str(bulk_future.id)
    for future in bulk_future.futures:
        save_future(future, namespace, client, bulk_id)
    return bulk_id


def get_bulk_future(
    bulk_id: Union[str, UUID], client: Optional[Client] = None
) -> Optional[SyftBulkFuture]:
    futures = [get_future(each) for each in _read(_BULK + str(bulk_id)) or []]
    futures = [future for future in futures if future is not None]
    return SyftBulkFuture(futures=futures) if futures else None


def delete_bulk_future(bulk_id: Union[str, UUID], client: Optional[Client] = None) -> None:
    for future_id in _read(_BULK + str(bulk_id)) or []:
        delete_future(future_id)
    host.Bucket().delete(_BULK + str(bulk_id))


def _future(entry):
    request = entry.get("request")
    fields = {name: entry[name] for name in ("id", "path", "expires")}
    return SyftFuture(**fields, request=None if request is None else SyftRequest.loads(request))


def _read(key):
    stored = host.Bucket().get(key)
    return None if stored is None else json.loads(stored)


def _write(key, value):
    host.Bucket().set(key, json.dumps(value).encode())

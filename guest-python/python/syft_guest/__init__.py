"""What runs a program of SyftEvent inside the sandbox of `syft-host`.

Authors import `syft_event`, as they always did. Only `idempotency_key` is for them.
"""

from syft_guest.host import idempotency_key

__all__ = ["idempotency_key"]

"""What runs a program of SyftEvent inside the sandbox of `syft-host`.

Authors import `syft_event` and `syft_rpc`, as they always did. For them are only these.
"""

from syft_guest.answers import sender_proof
from syft_guest.host import idempotency_key
from syft_guest.replies import Reply, on_reply
from syft_guest.schedules import Due, every, schedule

__all__ = ["Due", "Reply", "every", "idempotency_key", "on_reply", "schedule", "sender_proof"]

"""The identity that the released syft-crypto makes for a SyftBox user."""

from syft_core import Client
from syft_crypto.key_storage import private_key_path
from syft_crypto.x3dh_bootstrap import bootstrap_user

client = Client.load()
assert bootstrap_user(client)
print(private_key_path(client))

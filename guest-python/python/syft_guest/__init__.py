"""What runs a program of SyftEvent inside the sandbox of `syft-host`.

Nothing here is for authors: they import `syft_event`, as they always did.
"""

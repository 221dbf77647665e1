from syft_event import SyftEvents

box = SyftEvents("plain")


@box.on_request("/answer")
def answer() -> str:
    return "built"


box.run_forever()

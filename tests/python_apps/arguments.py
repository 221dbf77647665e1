"""A program that wants arguments, and changes `sys.argv`."""

import argparse
import sys

from syft_event import SyftEvents

parser = argparse.ArgumentParser()
parser.add_argument("--project-name", required=True)
parser.add_argument("--port", type=int, default=80)
options, rest = parser.parse_known_args()
sys.argv = [sys.argv[0], *rest]

box = SyftEvents(options.project_name)


@box.on_request("/shown")
def shown() -> dict:
    return {"port": options.port, "argv": sys.argv}


box.run_forever()

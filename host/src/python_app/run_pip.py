"""Runs pip for syft-host, which has Python read this as an argument.

The first argument names a file of JSON with the arguments of pip, in which there may be
secrets that would be seen by everybody in a list of processes, and with the packages that
nobody needs, since the sandbox has something else for them. Without any argument, what the user's configuration of pip says of the index is printed.
"""

import json
import sys

# What Python calls the start of another program, whichever way it is started.
STARTS = (
    "os.exec",
    "os.fork",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
    "os.system",
    "pty.spawn",
    "subprocess.Popen",
)

SETTINGS = (
    "cert",
    "client-cert",
    "default-timeout",
    "extra-index-url",
    "find-links",
    "index-url",
    "no-index",
    "proxy",
    "retries",
    "timeout",
    "trusted-host",
)


def start_nothing(event, arguments):
    """Keeps pip from building what is not built yet: that runs what its author wrote.

    Nothing takes such a hook away again.
    """
    if event.startswith(STARTS):
        raise PermissionError("pip would start another program")


def follow_no_addresses():
    """Ends pip once a package names another one by an address, before it is fetched."""
    from pip._internal.exceptions import InstallationError
    from pip._vendor.packaging.requirements import Requirement

    read = Requirement.__init__

    def init(self, text):
        read(self, text)
        if self.url:
            raise InstallationError(
                f"`{text}` names a package by an address: packages come from the index alone"
            )

    Requirement.__init__ = init


def leave_out(names):
    """Has no package need these."""
    from pip._internal.metadata import select_backend
    from pip._vendor.packaging.utils import canonicalize_name

    distribution = select_backend().Distribution
    needs = distribution.iter_dependencies

    def iter_dependencies(self, extras=()):
        return [need for need in needs(self, extras) if canonicalize_name(need.name) not in names]

    distribution.iter_dependencies = iter_dependencies


def settings():
    from pip._internal.configuration import Configuration
    from pip._internal.exceptions import ConfigurationError

    configuration = Configuration(isolated=False)
    configuration.load()
    found = {}
    for section in ("global", "install", ":env:"):
        for name in SETTINGS:
            try:
                found[name] = configuration.get_value(f"{section}.{name}")
            except ConfigurationError:
                pass
    return found


def main():
    sys.addaudithook(start_nothing)
    if len(sys.argv) == 1:
        print(json.dumps(settings()))
        return 0
    from pip._internal.cli.main import main

    with open(sys.argv[1], encoding="utf-8") as file:
        said = json.load(file)
    follow_no_addresses()
    leave_out(said["left_out"])
    return main(said["arguments"])


sys.exit(main())

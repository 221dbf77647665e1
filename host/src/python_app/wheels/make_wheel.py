"""Makes wheels from the sources on the index, for syft-host.

    fetch NAME FILE SHA256 TARGET   downloads the source archive and unpacks it
    pack SOURCE RECIPE WHEEL        makes a wheel of what lies there

Nothing of a package runs: its archive is unpacked, and its files are copied.
"""

import base64
import hashlib
import json
import os
import sys
import tarfile
import zipfile

# The earliest that an archive can say: the same files give the same bytes.
MADE = (1980, 1, 1, 0, 0, 0)


def fetch(name, file, sha256, target, options):
    from pip._internal.commands import create_command
    from pip._internal.network.download import Downloader

    command = create_command("download")
    options, _ = command.parse_args([*options, name])
    with command.main_context():
        session = command.get_default_session(options)
        finder = command._build_package_finder(options, session)
        found = [each.link for each in finder.find_all_candidates(name) if each.link.filename == file]
        if not found:
            raise SystemExit(f"the index has no {file}")
        path, _ = Downloader(session, "off")(found[0], target)
    with open(path, "rb") as archive:
        digest = hashlib.sha256(archive.read()).hexdigest()
    if digest != sha256:
        raise SystemExit(f"{file} has the SHA-256 {digest}, expected {sha256}")
    with tarfile.open(path) as archive:
        archive.extractall(target, filter="data")
    os.remove(path)


def pack(source, recipe, wheel):
    recipe = json.loads(recipe)
    info = f"{recipe['distribution']}-{recipe['version']}.dist-info"
    files = {}
    for package in recipe["packages"]:
        root = os.path.join(source, recipe["root"])
        for base, folders, names in os.walk(os.path.join(root, package)):
            folders.sort()
            for name in sorted(names):
                path = os.path.join(base, name)
                if name.endswith((".py", ".pyi", ".typed")):
                    files[os.path.relpath(path, root)] = _read(path)
    for place, path in recipe["extra"].items():
        files[place] = path.encode() if place.endswith(".py") else _read(path)
    for name in ("LICENSE", "LICENSE.txt"):
        path = os.path.join(source, name)
        if os.path.isfile(path):
            files[f"{info}/licenses/{name}"] = _read(path)
    files[f"{info}/METADATA"] = _read(os.path.join(source, "PKG-INFO"))
    files[f"{info}/WHEEL"] = (
        "Wheel-Version: 1.0\nGenerator: syft-host\n"
        f"Root-Is-Purelib: {str(recipe['is_pure']).lower()}\nTag: {recipe['tag']}\n"
    ).encode()
    files[f"{info}/RECORD"] = _record(files, info)
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(name, MADE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)


def _record(files, info):
    lines = []
    for name, data in sorted(files.items()):
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
        lines.append(f"{name},sha256={digest},{len(data)}")
    lines.append(f"{info}/RECORD,,")
    return ("\n".join(lines) + "\n").encode()


def _read(path):
    with open(path, "rb") as file:
        return file.read()


def main():
    what, *arguments = sys.argv[1:]
    if what == "fetch":
        name, file, sha256, target, options = arguments
        with open(options, encoding="utf-8") as file_:
            fetch(name, file, sha256, target, json.load(file_))
    else:
        pack(*arguments)


main()

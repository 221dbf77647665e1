"""Runs under SyftEvent and in the sandbox: what of Python's library a call imports late, and what
it does with files."""

import errno
import io
import os
import pathlib
import tempfile

from syft_event import SyftEvents

box = SyftEvents("differential")

CODECS = """
    ascii big5 big5hkscs cp037 cp1250 cp1251 cp1252 cp1257 cp424 cp437 cp500 cp850 cp852 cp858 cp866
    cp932 cp949 cp950 euc_jis_2004 euc_jp euc_kr gb18030 gb2312 gbk hp_roman8 hz idna iso2022_jp
    iso2022_kr iso8859_1 iso8859_15 iso8859_2 iso8859_5 iso8859_9 johab koi8_r koi8_u latin_1
    mac_cyrillic mac_latin2 mac_roman palmos ptcp154 punycode raw_unicode_escape shift_jis
    shift_jis_2004 tis_620 unicode_escape utf_16 utf_16_be utf_32 utf_7 utf_8 utf_8_sig
""".split()


def codecs():
    text = "Ab+1".encode
    return {name: [text(name).hex(), text(name).decode(name)] for name in CODECS}


def byte_codecs():
    import codecs as library

    names = ("base64", "hex", "quopri", "uu", "zlib")
    both = {name: library.decode(library.encode(b"text" * 9, name), name) == b"text" * 9 for name in names}
    return [both, library.encode("Hello", "rot13"), "x".encode("nothing")]


def zipped():
    import zipfile

    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/a.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.txt", "text" * 99)
            archive.writestr("ü/b.txt", "b")
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)
            names = archive.namelist()
        # In the encoding of names that are not marked as UTF-8.
        data = pathlib.Path(path).read_bytes().replace(b"a.txt", b"\x84.txt")
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return [names, archive.namelist(), pathlib.Path(folder, "ü/b.txt").read_text()]


def late():
    import csv, gettext, graphlib, mailbox, sched, wave, zipapp  # noqa: E401
    import email.message, html.entities, json.tool, unittest.mock, xml.dom.minidom  # noqa: E401

    parts = (csv, gettext, graphlib, mailbox, sched, wave, zipapp, html.entities, json.tool)
    message = email.message.EmailMessage()
    message.set_content("é")
    tree = xml.dom.minidom.parseString("<?xml version='1.0' encoding='iso-8859-2'?><a b='c'/>")
    return [[it.__name__ for it in parts], str(message), tree.toxml(), unittest.mock.__name__]


def folders():
    import shutil

    with tempfile.TemporaryDirectory() as name:
        top = pathlib.Path(name)
        (top / "a/b/c").mkdir(parents=True)
        (top / "a/b/x").write_text("x")
        os.utime(top / "a/b", (1_000_000, 1_000_000))
        copied = shutil.copytree(top / "a", top / "copy")
        moved = shutil.move(top / "a", top / "moved")
        os.rename(top / "moved", top / "renamed")
        (top / "renamed/b").replace(top / "b")
        shutil.copytree(top / "copy", top / "copy2", dirs_exist_ok=True)
        times = [int(os.stat(top / it).st_mtime) for it in ("copy/b", "b", "copy2/b")]
        every = sorted(str(it.relative_to(top)) for it in top.rglob("*"))
        return [times, every, os.path.basename(copied), os.path.basename(moved)]


def handles():
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/x"
        fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_SYNC)
        os.write(fd, b"text")
        os.fsync(fd)
        os.close(fd)
        with open(path) as file:
            os.utime(file.fileno(), (2_000_000, 3_000_000))
        fd = os.open(folder, os.O_RDONLY)
        os.fsync(fd)
        os.utime(fd, (4_000_000, 5_000_000))
        os.close(fd)
        return [int(os.stat(it).st_mtime) for it in (path, folder)]


def wrong_paths():
    found = []
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "x").touch()
        os.mkdir(f"{folder}/a")
        for wrong in (
            lambda: open(f"{folder}/none/../x"),
            lambda: open(f"{folder}/x/../x"),
            lambda: os.stat(f"{folder}/none/../x"),
            lambda: os.rename(f"{folder}/a", f"{folder}/a/b"),
            lambda: os.rename(f"{folder}/a", f"{folder}/x"),
            lambda: os.mkdir(f"{folder}/x"),
            lambda: os.rmdir(f"{folder}/x"),
            lambda: os.utime(f"{folder}/none"),
        ):
            try:
                found.append(wrong())
            except OSError as error:
                found.append(errno.errorcode[error.errno])
    return found


def said(make):
    def handler() -> str:
        try:
            return repr(make())
        except Exception as error:
            # Where pydantic explains its errors is of no matter.
            lines = str(error).splitlines()
            text = [line for line in lines if "For further information" not in line]
            return f"{isinstance(error, ValueError)} {text}"

    return handler


for make in (codecs, byte_codecs, zipped, late, folders, handles, wrong_paths):
    box.on_request(f"/{make.__name__}")(said(make))


if __name__ == "__main__":
    box.run_forever()

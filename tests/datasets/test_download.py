"""Downloads, from a server on this machine: whole or not at all, and never waiting forever."""

from __future__ import annotations

import hashlib
import io
import re
import socket
import threading
import urllib.error
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from wis.datasets import available_datasets, download, fetch, table
from wis.datasets.download import SHA256, RawFiles, ensure
from wis.datasets.images import IDX_FILES
from wis.errors import MissingDataError

FILES = {"/good/a": b"a" * 3_000_000, "/good/b": b"b", "/short": b"only half"}


def archive(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name in names:
            file.writestr(name, f"new {name}")
    return buffer.getvalue()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path.startswith("/moved?"):
            self.send_response(302)
            self.send_header("Location", self.path.partition("?")[2])
            self.end_headers()
            return
        if self.path not in FILES:
            self.send_error(404)
            return
        content = FILES[self.path]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content) * (2 if "short" in self.path else 1)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.delenv("WIS_OFFLINE")
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "SCHEMES", ("http",))  # no certificates here
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def files(*urls: str, archive: str | None = None, names: tuple[str, ...] | None = None) -> RawFiles:
    names = names or tuple(f"raw/{url.rpartition('/')[2]}" for url in urls)
    contents = [FILES.get("/" + url.partition("://")[2].partition("/")[2], b"") for url in urls]
    sums = tuple(hashlib.sha256(content).hexdigest() for content in contents)
    return RawFiles("Kind/name", names, urls, archive=archive, size_mb=3, sha256=sums)


def tree(root):
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_missing_files_are_downloaded_into_a_new_data_root(server, tmp_path, caplog):
    root = tmp_path / "new" / "root"
    caplog.set_level("INFO", logger="wis")
    ensure("name", files(f"{server}/good/a", f"{server}/good/b"), root)
    assert tree(root) == {"Kind/name/raw/a", "Kind/name/raw/b"}
    assert (root / "Kind/name/raw/a").read_bytes() == FILES["/good/a"]
    assert f"name: downloading about 3 MB to {root}" in caplog.text


def test_files_that_are_there_are_left_alone(server, tmp_path):
    kept = tmp_path / "Kind/name/raw/a"
    kept.parent.mkdir(parents=True)
    kept.write_text("mine")
    ensure("name", files(f"{server}/good/a", f"{server}/good/b"), tmp_path)
    assert kept.read_text() == "mine"
    assert (kept.parent / "b").read_bytes() == b"b"


def test_fetch_returns_the_paths_of_a_registered_data_set(server, tmp_path):
    with table.DATASETS.restored():
        table.register("mine", summary="", files=files(f"{server}/good/b"))(lambda: None)
        assert fetch("mine", root=tmp_path) == [tmp_path / "Kind/name/raw/b"]
        assert fetch("karate", root=tmp_path) == []


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/gone", "answered 404 Not Found"),
        ("/short", "the download ended after 9 of 18 bytes"),
    ],
)
def test_a_download_that_fails_leaves_nothing_and_names_its_reason(server, path, reason, tmp_path):
    with pytest.raises(MissingDataError, match=f"1 of 2 files .*{reason}") as caught:
        ensure("name", files(f"{server}/good/b", f"{server}{path}"), tmp_path)
    assert tree(tmp_path) == {"Kind/name/raw/b"}, "what was complete is kept"
    assert "\n" not in str(caught.value)


def test_an_archive_takes_the_place_of_the_folder_and_replaces_nothing(server, tmp_path):
    FILES["/set.zip"] = archive("set/raw/a", "set/raw/b", "set/RELEASE.txt", "other/c")
    kept = tmp_path / "Kind/name/raw/a"
    kept.parent.mkdir(parents=True)
    kept.write_text("mine")
    wanted = files(f"{server}/set.zip", archive="set", names=("raw/a", "raw/b"))
    ensure("name", wanted, tmp_path)
    assert tree(tmp_path) == {f"Kind/name/{name}" for name in ("raw/a", "raw/b", "RELEASE.txt")}
    assert kept.read_text() == "mine"
    assert (kept.parent / "b").read_text() == "new set/raw/b"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (archive("set/raw/a"), "the archive does not hold them"),
        (archive("../raw/b"), "the archive does not hold them"),
        (b"no archive", "not a zip file"),
    ],
)
def test_an_archive_that_is_not_what_it_should_be_is_one_line(server, content, reason, tmp_path):
    FILES["/set.zip"] = content
    root = tmp_path / "root"
    wanted = files(f"{server}/set.zip", archive="set", names=("raw/a", "raw/b"))
    with pytest.raises(MissingDataError, match=reason) as caught:
        ensure("name", wanted, root)
    assert f"rename its folder 'set' to {root / 'Kind/name'}" in str(caught.value)
    assert tree(tmp_path) <= {"root/Kind/name/raw/a"}


def test_a_disk_that_is_too_small_is_noticed_before_anything_is_written(
    server, tmp_path, monkeypatch
):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    with pytest.raises(MissingDataError, match=r"has 3000000 bytes, .* has room for 1000"):
        ensure("name", files(f"{server}/good/a"), tmp_path)
    assert not tree(tmp_path)


def test_a_data_root_that_cannot_be_written_to_is_named(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(MissingDataError, match=r"file/Kind.*: Not a directory\)"):
        ensure("name", files(f"{server}/good/b"), tmp_path / "file")


def test_a_download_that_fails_does_not_matter_if_the_files_came_another_way(tmp_path, monkeypatch):
    def fail_while_others_succeed(url, path, sha256):
        path.parent.mkdir(parents=True)
        path.write_text("theirs")
        raise OSError("broke off")

    monkeypatch.delenv("WIS_OFFLINE")
    monkeypatch.setattr(download, "save", fail_while_others_succeed)
    ensure("name", files("http://nowhere.invalid/a"), tmp_path)
    assert (tmp_path / "Kind/name/raw/a").read_text() == "theirs"


def test_ctrl_c_leaves_no_half_file(server, tmp_path, monkeypatch):
    def interrupt(self, done: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("wis.base.progress._Lines.update", interrupt)
    with pytest.raises(KeyboardInterrupt):
        ensure("name", files(f"{server}/good/a"), tmp_path)
    assert not tree(tmp_path)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (urllib.error.URLError(socket.gaierror(-2, "Name not known")), "no network: Name not"),
        (urllib.error.URLError("unknown url type"), "no network: unknown url type"),
        (TimeoutError("timed out"), "timed out"),
        (ConnectionResetError(104, "Connection reset by peer"), "Connection reset by peer"),
    ],
)
def test_whatever_the_network_does_is_one_line(error, words, tmp_path, monkeypatch):
    monkeypatch.delenv("WIS_OFFLINE")

    def refuse(url):
        raise error

    monkeypatch.setattr(download, "_urlopen", refuse)
    with pytest.raises(MissingDataError, match=words) as caught:
        ensure("name", files("http://nowhere.invalid/a"), tmp_path)
    assert "\n" not in str(caught.value)


def test_a_name_server_that_never_answers_does_not_hold_up_a_loader(tmp_path, monkeypatch):
    monkeypatch.delenv("WIS_OFFLINE")
    monkeypatch.setattr(download, "ANSWER_S", 0.02)
    released = threading.Event()
    monkeypatch.setattr(download, "_urlopen", lambda url: released.wait(30))
    try:
        with pytest.raises(MissingDataError, match=r"did not answer within 0\.04 s"):
            ensure("name", files("http://nowhere.invalid/a"), tmp_path)
    finally:
        released.set()


def test_offline_nothing_is_tried(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "_urlopen", lambda url: pytest.fail("tried"))
    for value in ("1", "yes"):
        monkeypatch.setenv("WIS_OFFLINE", value)
        with pytest.raises(MissingDataError, match="WIS_OFFLINE is set"):
            ensure("name", files("http://nowhere.invalid/a"), tmp_path)
    assert not tree(tmp_path)


def test_another_file_than_the_published_one_is_refused_and_not_kept(server, tmp_path):
    wanted = files(f"{server}/good/a", f"{server}/good/b")
    FILES["/good/b"], kept = b"evil", FILES["/good/b"]
    try:
        with pytest.raises(MissingDataError, match=r"b has changed: its SHA-256") as told:
            ensure("name", wanted, tmp_path)
    finally:
        FILES["/good/b"] = kept
    assert "\n" not in str(told.value)
    assert tree(tmp_path) == {"Kind/name/raw/a"}


def test_another_archive_is_refused_before_it_is_unpacked(server, tmp_path):
    FILES["/set.zip"] = archive("set/raw/a")
    wanted = files(f"{server}/set.zip", archive="set", names=("raw/a",))
    FILES["/set.zip"] = archive("set/raw/a", "set/raw/evil")
    with pytest.raises(MissingDataError, match="has changed: its SHA-256"):
        ensure("name", wanted, tmp_path)
    assert not tree(tmp_path)


def test_an_archive_that_would_fill_the_disk_is_not_unpacked(server, tmp_path, monkeypatch):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("set/raw/a", bytes(10_000_000))
    FILES["/bomb.zip"] = buffer.getvalue()
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1_000_000}))
    wanted = files(f"{server}/bomb.zip", archive="set", names=("raw/a",))
    with pytest.raises(MissingDataError, match=r"has 10000000 bytes, .* has room for 1000000"):
        ensure("name", wanted, tmp_path)
    assert not tree(tmp_path)


def test_a_file_without_a_checksum_is_taken_only_if_somebody_says_so(
    server, tmp_path, monkeypatch, caplog
):
    unknown = RawFiles("Kind/name", ("raw/b",), (f"{server}/good/b",))
    with pytest.raises(MissingDataError, match=r"SHA-256 of .*good/b is not known.*WIS_TRUST_DOWN"):
        ensure("name", unknown, tmp_path)
    assert not tree(tmp_path)
    monkeypatch.setenv("WIS_TRUST_DOWNLOAD", "1")
    ensure("name", unknown, tmp_path)
    assert (tmp_path / "Kind/name/raw/b").read_bytes() == FILES["/good/b"]
    assert f"its SHA-256 is {hashlib.sha256(FILES['/good/b']).hexdigest()}" in caplog.text


def test_only_https_is_spoken(tmp_path, monkeypatch):
    monkeypatch.delenv("WIS_OFFLINE")
    assert download.SCHEMES == ("https",)
    for url in ("http://nowhere.invalid/a", "file:///etc/passwd", "ftp://nowhere.invalid/a"):
        with pytest.raises(MissingDataError, match="does not begin with https"):
            ensure("name", files(url), tmp_path)
    assert not tree(tmp_path)


@pytest.mark.parametrize("target", ["https://nowhere.invalid/a", "file:///etc/passwd"])
def test_a_redirect_to_another_protocol_is_not_followed(target, server, tmp_path):
    """Here http stands for https, and https for anything else."""
    with pytest.raises(MissingDataError, match=r"begin with https|'file:///.*' is not allowed"):
        ensure("name", files(f"{server}/moved?{target}"), tmp_path)
    wanted = files(f"{server}/good/b", names=("raw/b",))
    moved = RawFiles(
        "Kind/name", ("raw/b",), (f"{server}/moved?{server}/good/b",), sha256=wanted.sha256
    )
    ensure("name", moved, tmp_path)
    assert tree(tmp_path) == {"Kind/name/raw/b"}


WITHOUT_CHECKSUM = {"dblp", "computers", "ogbn-products", "actor", "ogbn-papers100m"}


def test_every_address_is_of_https_and_has_a_checksum_but_for_those_that_nobody_published():
    rows = {
        row.name: row.files for row in available_datasets("no data root") if row.files
    } | IDX_FILES
    for name, raw in rows.items():
        sums = [raw.checksum(position) for position in range(len(raw.urls))]
        assert all(url.startswith("https://") for url in raw.urls)
        assert (None in sums) == (name in WITHOUT_CHECKSUM), name
        assert all(re.fullmatch("[0-9a-f]{64}", known) for known in sums if known)
    listed = [known for raw in rows.values() for known in raw.sha256 if known]
    assert len(listed) == len(set(listed)) == len(SHA256), "each is of one file"

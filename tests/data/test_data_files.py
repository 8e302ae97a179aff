"""Fetching and checking files, against a real server on this machine."""

import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pooch
import pytest

from unalike.data import SOURCES, is_here, load
from unalike.data.sources.file_cache import locate, present
from unalike.data.sources.source import RemoteFile
from unalike.errors import InputError

CONTENT = b"all that there is to know" * 1000


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        """Say nothing."""

    def send_header(self, keyword, value):
        """Claim more than there is for a file that breaks off."""
        cut_short = keyword == "Content-Length" and self.path.endswith("broken.npz")
        super().send_header(keyword, str(int(value) + 999) if cut_short else value)


@pytest.fixture
def server(tmp_path):
    """A folder that is served, and its address."""
    folder = tmp_path / "served"
    folder.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=folder)) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{http.server_port}/"
        http.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of its own for each test, no data folder, and no proxy before the server."""
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "cache" / name)
    monkeypatch.delenv("UNALIKE_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return tmp_path / "cache" / "unalike"


def remote(url, name="it.npz", content=CONTENT):
    return RemoteFile(name, url and url + name, f"md5:{hashlib.md5(content).hexdigest()}", "set")


def files_in(folder):
    return [path for path in Path(folder).rglob("*") if path.is_file()]


def test_a_file_is_fetched_once_and_checked(server, cache):
    folder, url = server
    (folder / "it.npz").write_bytes(CONTENT)
    file = remote(url)
    assert not present(file, None)
    path = locate(file, None)
    assert path == cache / "set" / "it.npz"
    assert path.read_bytes() == CONTENT
    assert present(file, None)
    (folder / "it.npz").unlink()
    assert locate(file, None) == path


def test_a_damaged_copy_in_the_cache_is_fetched_again(server, cache):
    folder, url = server
    (folder / "it.npz").write_bytes(CONTENT)
    (cache / "set").mkdir(parents=True)
    (cache / "set" / "it.npz").write_bytes(CONTENT[:99])
    assert locate(remote(url), None).read_bytes() == CONTENT


def test_a_damaged_download_leaves_nothing(server, cache):
    folder, url = server
    (folder / "it.npz").write_bytes(CONTENT[:-1] + b"!")
    with pytest.raises(InputError, match=r"it.npz came damaged or cut short .* md5:\w{32}"):
        locate(remote(url), None)
    assert files_in(cache) == []


def test_a_download_that_breaks_off_leaves_nothing(server, cache):
    folder, url = server
    (folder / "broken.npz").write_bytes(CONTENT)
    with pytest.raises(InputError, match=r"broken.npz .* (could not be downloaded|cut short)"):
        locate(remote(url, "broken.npz", CONTENT + b"the rest"), None)
    assert files_in(cache) == []


def test_no_network_says_which_file_goes_where(cache):
    with pytest.raises(InputError) as caught:
        locate(remote("http://127.0.0.1:9/"), None)
    for word in ("it.npz", "127.0.0.1:9", "md5:", "set/", "--data-dir", "UNALIKE_DATA"):
        assert word in str(caught.value)
    assert files_in(cache) == []


def test_a_file_that_the_server_does_not_have(server):
    with pytest.raises(InputError, match=r"could not be downloaded .*HTTPError"):
        locate(remote(server[1]), None)


def test_a_file_without_an_address_must_be_put_in_place():
    with pytest.raises(InputError, match=r"it.npz is not here and has no public address: put"):
        locate(remote(None), None)


@pytest.mark.parametrize("subfolder", ["set", "."])
@pytest.mark.parametrize("way", ["argument", "variable"])
def test_the_data_folder_comes_first(tmp_path, monkeypatch, subfolder, way):
    (tmp_path / subfolder).mkdir(exist_ok=True)
    (tmp_path / subfolder / "it.npz").write_bytes(CONTENT)
    monkeypatch.setenv("UNALIKE_DATA", str(tmp_path if way == "variable" else "/nowhere"))
    data_dir = tmp_path if way == "argument" else None
    assert locate(remote(None), data_dir) == tmp_path / subfolder / "it.npz"
    assert present(remote(None), data_dir)


def test_a_truncated_file_in_the_data_folder_is_named_and_left(tmp_path):
    path = tmp_path / "it.npz"
    path.write_bytes(CONTENT[:500])
    file = remote(None)
    with pytest.raises(InputError) as caught:
        locate(file, tmp_path)
    assert str(path) in str(caught.value)
    assert file.hash in str(caught.value)
    assert path.read_bytes() == CONTENT[:500]


def test_a_data_folder_that_does_not_exist(monkeypatch):
    with pytest.raises(InputError, match=r"/nowhere \(from --data-dir\) does not exist"):
        load("mnist", data_dir="/nowhere")
    monkeypatch.setenv("UNALIKE_DATA", "/nowhere")
    with pytest.raises(InputError, match=r"/nowhere \(from UNALIKE_DATA\) does not exist"):
        is_here("mnist")


def test_unknown_data_sets_give_the_nearest():
    for ask in (load, is_here):
        with pytest.raises(InputError, match="Unknown data set 'fashion': did you mean 'fashion-m"):
            ask("fashion")


def test_what_is_here():
    assert is_here("digits")
    assert is_here("fed-heart")
    assert not is_here("mnist")
    assert not is_here("cifar10-subset")


def test_every_source_is_complete():
    assert len(SOURCES) == 33
    for name, source in SOURCES.items():
        assert source.name == name
        assert source.title
        assert source.licence
        assert source.citation
        assert source.classes == (14 if source.task == "labels" else source.classes)
        for file in source.files:
            algorithm, checksum = file.hash.split(":")
            assert len(checksum) == {"md5": 32, "sha256": 64}[algorithm]
            assert file.url is None or file.url.startswith("http")
            assert np.prod(source.shape) > 0

"""Downloads are kept, recorded and checked."""

from __future__ import annotations

import hashlib
import http.server
import shutil
import ssl
import subprocess
import threading

import pytest

from vitwork.errors import VitworkError
from vitwork.models.checkpoints.downloads import fetch, place, record_of, recorded
from vitwork.models.checkpoints.loading import locate


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/a.pt", "ftp://127.0.0.1/a.pt", "file:///dev/zero", "data://x"])
def test_addresses_that_are_not_safe_are_refused(tmp_path, monkeypatch, address):
    """What anyone on the way can alter, and what lies on this machine, is no download, also where a copy was kept of it."""
    copy = place(address, tmp_path)
    copy.parent.mkdir(parents=True)
    copy.write_bytes(b"weights")
    record_of(copy).write_text(hashlib.sha256(b"weights").hexdigest())
    monkeypatch.setenv("VITWORK_CACHE", str(tmp_path))
    for get in (lambda: fetch(address, tmp_path), lambda: locate("vit_ti", address)):
        with pytest.raises(VitworkError, match=f"{address} is not downloaded: only https://"):
            get()


def test_an_address_of_two_lines_is_refused_in_one(tmp_path):
    """What was pasted with a line's end in it is told with the end written out, and nothing is asked of the network."""
    for address in ("https://a\n/c", "http://a\n/c"):
        with pytest.raises(VitworkError, match=r"://a\\n/c [^\n]*$"):
            fetch(address, tmp_path)


BODY = b"w" * 1000
FILE = "/weights_0123.pt"


def whole(body):
    return 200, {"Content-Length": str(len(body))}, body


ANSWERS = {
    "/whole": whole(BODY),
    "/cut": (200, {"Content-Length": "1000"}, BODY[:400]),
    "/cut-in-chunks": (200, {"Transfer-Encoding": "chunked"}, b"3e8\r\n" + BODY[:400]),
    "/chunks": (200, {"Transfer-Encoding": "chunked"}, b"3e8\r\n" + BODY + b"\r\n0\r\n\r\n"),
    "/nonsense": (200, {"Transfer-Encoding": "chunked"}, b"xyz\r\n"),
    "/no-length": (200, {}, BODY),
    "/absent": (404, {"Content-Length": "0"}, b""),
    "/down": (302, {"Location": "http://127.0.0.1:9/whole", "Content-Length": "0"}, b""),
    "/up": (302, {"Location": "/whole", "Content-Length": "0"}, b""),
}


class Handler(http.server.BaseHTTPRequestHandler):
    """Gives each path its answer, and hangs up."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/no-answer":
            self.wfile.write(b"what?\r\n\r\n")
        else:
            status, headers, body = ANSWERS[self.path]
            self.send_response(status)
            for name, value in {**headers, "Connection": "close"}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    if not shutil.which("openssl"):
        pytest.skip("needs openssl")
    path = tmp_path_factory.mktemp("tls") / "own.pem"
    name = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *name]
    subprocess.run([*command, "-keyout", path, "-out", path.with_suffix(".crt")], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + path.with_suffix(".crt").read_bytes())
    return path


@pytest.fixture
def server(certificate, monkeypatch):
    """The address of an https server of this machine, whose certificate is trusted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        serving.socket = context.wrap_socket(serving.socket, server_side=True)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.with_suffix(".crt")))
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        threading.Thread(target=serving.serve_forever, args=(0.01,), daemon=True).start()
        yield f"https://127.0.0.1:{serving.server_port}"
        serving.shutdown()


@pytest.fixture
def answers(monkeypatch):
    """What the server answers, with a file that a test may change."""
    monkeypatch.setitem(ANSWERS, FILE, whole(b"weights"))
    return ANSWERS


def test_a_download_is_kept_and_its_digest_recorded(server, answers, tmp_path):
    """The second fetch needs no source, and the digest beside the copy is the content's SHA-256."""
    copy = fetch(server + FILE, tmp_path / "cache")
    assert copy.read_bytes() == b"weights"
    assert recorded(copy) == hashlib.sha256(b"weights").hexdigest()
    del answers[FILE]
    assert fetch(server + FILE, tmp_path / "cache") == copy


def test_an_altered_copy_is_set_aside_and_fetched_again(server, answers, tmp_path):
    """A copy whose digest is not the recorded one is not returned."""
    copy = fetch(server + FILE, tmp_path / "cache")
    copy.write_bytes(b"altered")
    assert fetch(server + FILE, tmp_path / "cache").read_bytes() == b"weights"
    assert copy.with_name(copy.name + ".altered").read_bytes() == b"altered"


def test_a_file_that_changed_at_its_source_is_refused(server, answers, tmp_path):
    """The digest of the first download stands: another file under the same address is not taken for it."""
    copy = fetch(server + FILE, tmp_path / "cache")
    answers[FILE] = whole(b"others")
    copy.unlink()
    with pytest.raises(VitworkError, match=r"holds another file than when it was first downloaded .*remove .*sha256"):
        fetch(server + FILE, tmp_path / "cache")
    record_of(copy).unlink()
    assert fetch(server + FILE, tmp_path / "cache").read_bytes() == b"others"


@pytest.mark.parametrize("path", ["/whole", "/chunks", "/up"])
def test_whole_files_are_downloaded(server, tmp_path, path):
    """With a length, in chunks, or after a redirection to https."""
    assert fetch(server + path, tmp_path).read_bytes() == BODY


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/cut", "IncompleteRead"),
        ("/cut-in-chunks", "IncompleteRead"),
        ("/nonsense", "IncompleteRead"),
        ("/no-length", "does not say how long its file is"),
        ("/no-answer", "BadStatusLine"),
        ("/absent", "404"),
        ("/down", "leads on to http://127.0.0.1:9/whole, which is not https"),
    ],
)
def test_what_is_not_the_whole_file_is_refused(server, tmp_path, path, message):
    """A body that is cut, an answer that is none, a way that leaves https: one sentence, and no file."""
    with pytest.raises(VitworkError, match=message) as caught:
        fetch(server + path, tmp_path)
    assert server + path in str(caught.value)
    assert not list(tmp_path.rglob("*"))


def test_the_cache_can_be_moved(monkeypatch, tmp_path):
    """VITWORK_CACHE says where copies lie."""
    monkeypatch.setenv("VITWORK_CACHE", str(tmp_path))
    assert place("https://a.b/c.pt").parents[1] == tmp_path / "checkpoints"

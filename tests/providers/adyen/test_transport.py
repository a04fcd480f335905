"""The HTTP client under the SDK keeps its promises on its own thread, where nobody else could cut it off."""

import socket
import threading
import time
from contextlib import suppress

import pytest

from evpay_providers.adyen.transport import NoAnswer, PooledTransport

pytestmark = pytest.mark.scenario


def transport(*, direct=True, deadline_s=0.4):
    return PooledTransport(deadline_s=deadline_s, connections=2, direct=direct)


def test_trickle_ends_at_the_deadline():
    """A byte now and then keeps every read alive, so the thread itself stops reading."""

    def trickle(listener):
        with listener.accept()[0] as connection, suppress(OSError):
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            for _ in range(60):
                connection.sendall(b" ")
                time.sleep(0.05)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=trickle, args=(listener,))
        thread.start()
        client = transport()
        started = time.monotonic()
        with pytest.raises(NoAnswer) as caught:
            client.exchange("POST", f"http://127.0.0.1:{listener.getsockname()[1]}", body="{}", key="k")
        took_s = time.monotonic() - started
        client.close()
        thread.join()

    assert (caught.value.sent, took_s < 2) == (True, True)


def test_answer_that_is_too_long_is_none(teller):
    """It is not read to its end."""
    teller.tell(b" " * 2_000)
    client = transport(deadline_s=5)

    with pytest.raises(NoAnswer) as caught:
        client.exchange("GET", teller.url, body="", key="k", max_bytes=1_000)
    client.close()

    assert caught.value.sent is True


def test_password_file_is_not_read(monkeypatch, tmp_path, teller):
    """Also where the environment counts: nobody's password goes out because it stands in a home directory."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    teller.tell({})
    client = transport(direct=False, deadline_s=5)

    client.exchange("POST", teller.url, body="{}", key="k")
    client.close()

    assert "authorization" not in teller.seen[0].headers


def test_proxy_of_the_environment_is_asked_on_the_way_out(monkeypatch, teller):
    """As every other program of the host does it."""
    monkeypatch.setenv("http_proxy", teller.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    teller.tell({})
    client = transport(direct=False, deadline_s=5)

    client.exchange("POST", "http://adyen.invalid/x", body="{}", key="k")
    client.close()

    assert teller.seen[0].path == "http://adyen.invalid/x"


def test_proxy_that_is_not_there_is_not_sent(monkeypatch):
    """No connection came about."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    client = transport(direct=False)

    with pytest.raises(NoAnswer) as caught:
        client.exchange("POST", "http://adyen.invalid/x", body="{}", key="k")
    client.close()

    assert caught.value.sent is False


def test_cookie_is_not_kept(teller):
    """Nothing of one call goes into another."""
    teller.tell({}, headers={"Set-Cookie": "a=b; Path=/"})
    client = transport(deadline_s=5)

    client.exchange("POST", teller.url, body="{}", key="k")
    client.exchange("POST", teller.url, body="{}", key="k")
    client.close()

    assert "cookie" not in teller.seen[1].headers


def test_nothing_of_the_request_is_handed_back(teller):
    """The SDK would keep it in its exceptions."""
    teller.tell({})
    client = transport(deadline_s=5)

    _, request, _, _ = client.request("POST", teller.url, json={"a": "secret"}, xapikey="k")
    client.close()

    assert request == ""

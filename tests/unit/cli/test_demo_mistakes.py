"""What the demo answers to options that cannot work."""

import json
import tempfile

import pytest


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--session", "none.jsonl"), "file_unreadable"),
        (("--tariff", "none.json"), "file_unreadable"),
        (("--station", "CS-9"), "no_such_session"),
        (("--method", "4242 4242 4242 4242"), "card_number_refused"),
        (("--provider", "nobody", "--base-url", "http://127.0.0.1:1", "--method", "m"), "configuration_error"),
        (("--provider", "stripe", "--option", "request_increment=true"), "configuration_error"),
        (("--provider", "stripe", "--base-url", "https://api.stripe.com"), "not_loopback"),
        (("--provider", "sandbox", "--base-url", "http://127.0.0.1:1"), "configuration_error"),
        (("--provider", "stripe", "--base-url", "http://127.0.0.1:1", "--option", "x"), "malformed_option"),
        (("--provider", "contrib", "--base-url", "http://127.0.0.1:1"), "method_missing"),
        (("--check", "/no/such/folder"), "configuration_error"),
    ],
)
def test_mistakes_are_typed_errors(run, monkeypatch, tmp_path, arguments, code):
    """Status 2, an object on standard output, and no folder left behind for what never began."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    result = run("demo", "--json", *arguments)

    assert result.exit_code == 2
    assert json.loads(result.stdout)["error"]["code"] == code
    assert list(tmp_path.iterdir()) == []

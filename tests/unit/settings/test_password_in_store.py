"""A password in the settings file is refused, wherever it stands."""

import pytest

from evpay.errors import ConfigurationError
from evpay.settings import Settings


def test_password_in_the_stores_url_is_refused_and_not_repeated(tmp_path):
    """Files are copied and committed; a secret in one does not stay secret."""
    path = tmp_path / "evpay.toml"
    path.write_text('store = "postgresql://evpay:hunter2@db/evpay"\n')

    with pytest.raises(ConfigurationError, match="EVPAY_STORE") as refused:
        Settings.load(path)

    assert "hunter2" not in str(refused.value)
    assert refused.value.path == "store"


def test_url_without_a_password_is_taken(tmp_path):
    """The driver finds the password where PostgreSQL keeps it."""
    path = tmp_path / "evpay.toml"
    path.write_text('store = "postgresql://evpay@db:5432/evpay"\n')

    assert Settings.load(path).store == "postgresql://evpay@db:5432/evpay"

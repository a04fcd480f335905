"""Settings from a file and the environment: what wins, what is refused by name, and what is never shown."""

import copy
import json
import pickle
from datetime import UTC, datetime

import pytest

from evpay import Settings
from evpay.errors import ConfigurationError
from evpay.money import Money
from evpay.sessions.model import Site

SECRET = "sk_test_0123456789abcdef"


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    """No test sees the environment of whoever runs it."""
    import os

    for name in [name for name in os.environ if name.upper().startswith("EVPAY_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def load(tmp_path):
    """Load a file with this content."""

    def write(text, **given):
        path = tmp_path / "evpay.toml"
        path.write_text(text, encoding="utf-8")
        return Settings.load(path, **given)

    return write


def refusal_of(action):
    with pytest.raises(ConfigurationError) as refusal:
        action()
    return refusal.value


def test_defaults_hold_when_nothing_is_said():
    """A store beside the program, no providers, and no file is searched for."""
    settings = Settings.load()

    assert ("sqlite:///evpay.db", {}, 30, 60) == (
        settings.store, settings.providers, settings.call_deadline_s, settings.lease_s
    )  # fmt: skip


def test_environment_wins_over_the_file(load, monkeypatch):
    """Field by field, also inside a table."""
    monkeypatch.setenv("EVPAY_STORE", "sqlite:///env.db")
    monkeypatch.setenv("EVPAY_POLICY__HOLD", "60 EUR")
    settings = load('store = "sqlite:///file.db"\nlease_s = 90\n[policy]\nhold = "50 EUR"\nraise_at_percent = 70\n')
    policy = settings.built_policy()

    assert ("sqlite:///env.db", 90) == (settings.store, settings.lease_s)
    assert ((Money(60, "EUR"),), 70) == (policy.hold, policy.raise_at_percent)


def test_argument_wins_over_the_environment(load, monkeypatch):
    """What is given in code is meant."""
    monkeypatch.setenv("EVPAY_STORE", "sqlite:///env.db")
    settings = load('store = "sqlite:///file.db"\nlease_s = 90\n', store="sqlite:///code.db")

    assert ("sqlite:///code.db", 90) == (settings.store, settings.lease_s)


@pytest.mark.parametrize("text", ["lease_s = 30", "lease_s = 29.5", "call_deadline_s = 60", "call_deadline_s = 90"])
def test_lease_outlives_a_call(load, text):
    """Otherwise another backend would send again what is still being asked."""
    refused = refusal_of(lambda: load(text))

    assert "lease_s" == refused.path
    assert "Make it longer than call_deadline_s" in refused.message
    assert 31 == load("lease_s = 31").lease_s


@pytest.mark.parametrize(
    ("given", "path"),
    [({"call_deadline_s": -1}, "call_deadline_s"), ({"storr": "x"}, "storr"), ({"lease_s": "soon"}, "lease_s")],
)
def test_argument_is_checked_like_every_other_source(load, given, path):
    """A mistyped or impossible argument is refused by its name."""
    assert path == refusal_of(lambda: load("", **given)).path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('stroe = "x"', "stroe"),
        ("call_deadline_s = 0", "call_deadline_s"),
        ('call_deadline_s = "soon"', "call_deadline_s"),
        ("providers = 5", "providers"),
        ("[providers]\nmain = 5", "providers.main"),
    ],
)
def test_line_is_refused_by_its_path_when_it_makes_no_sense(load, text, path):
    """An unknown key or a wrong value names the line at fault."""
    error = refusal_of(lambda: load(text))

    assert path == error.path
    assert error.message.startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("text", "build", "path"),
    [
        ("[policy]\nholdd = 5", "built_policy", "policy.holdd"),
        ('[policy]\nhold = "50"', "built_policy", "policy.hold"),
        ("[policy]\nhold = 50.5", "built_policy", "policy.hold"),
        ("[policy]\nhold = [50.5]", "built_policy", "policy.hold"),
        ("[policy]\nhold = [50]", "built_policy", "policy.hold[0]"),
        ("[policy]\nhold = 50", "built_policy", "policy.hold"),
        ('[sites.HH]\ntime_zone = "Mars"', "built_sites", "sites.HH.time_zone"),
        ('[sites.HH]\ncolour = "red"', "built_sites", "sites.HH.colour"),
        ('[sellers.acme]\nseries = "{{{{%"', "built_sellers", "sellers.acme.series"),
        ("[providers.main]\nlive = true", "built_providers", "providers.main.use"),
        ('[providers.main]\nuse = "nobody"', "built_providers", None),
        ('[providers.main]\nuse = "sandbox"\ncolour = "red"', "built_providers", "providers.main.colour"),
        ('[providers."Acme-EU"]\nuse = "sandbox"', "built_providers", "providers.Acme-EU"),
    ],
)
def test_part_is_refused_by_its_path_when_it_is_built(load, text, build, path):
    """What only the part itself can judge still names the whole path; a float never becomes an amount."""
    settings = load(text)

    assert path == refusal_of(getattr(settings, build)).path


def test_number_with_decimals_is_read_exactly(load):
    """TOML's floats are read as text: a time may have them, an amount needs its currency."""
    assert 2.5 == load("call_deadline_s = 2.5").call_deadline_s


def test_parts_are_built_with_their_names(load):
    """Sites and sellers are tables by id."""
    settings = load('[sites.HH]\nname = "Hafen"\ntime_zone = "Europe/Berlin"\n[sellers.acme]\nname = "Acme"\n')

    assert {"HH": Site(id="HH", name="Hafen", time_zone="Europe/Berlin")} == settings.built_sites()
    assert "Acme" == settings.built_sellers()["acme"].name


def test_providers_are_built_in_the_order_of_the_file(load, tmp_path):
    """Their order is the order in which they are tried."""
    settings = load('[providers.second]\nuse = "sandbox"\n[providers.first]\nuse = "sandbox"\n')

    assert ["second", "first"] == [provider.account.name for provider in settings.built_providers()]


LITERAL = {
    "key": f'[providers.main]\nuse = "stripe"\napi_key = "{SECRET}"',
    "secret": f'[providers.main]\nwebhook_secret = "{SECRET}"',
    "password": f'[providers.main]\npassword = "{SECRET}"',
    "token": f'[providers.main]\nACCESS_TOKEN = "{SECRET}"',
    "in a list": f'[providers.main]\nwebhook_secrets = ["env:GOOD", "{SECRET}"]',
    "inside a mapping of secrets": f'[providers.main]\nwebhook_keys = {{ public_one = "{SECRET}" }}',
    "in a table": f'[providers.main.live]\napi_key = "{SECRET}"',
    "inline": f'providers.main = {{ use = "stripe", api_key = "{SECRET}" }}',
    "empty": '[providers.main]\napi_key = ""',
}


@pytest.mark.parametrize("text", LITERAL.values(), ids=LITERAL)
def test_secret_is_refused_when_it_is_written_into_the_file(load, text):
    """A file is copied and committed: it names where the secret is, and the refusal does not repeat it."""
    error = refusal_of(lambda: load(text))

    assert error.path.startswith("providers.main.")
    assert SECRET not in f"{error}{error!r}{error.__cause__}{error.__context__}"
    assert "env:NAME" in error.message


def test_secret_is_found_in_the_environment_or_a_file(load, monkeypatch, tmp_path):
    """`env:` and `file:` are resolved when the provider is built; a file's line end is no part of the secret."""
    monkeypatch.setenv("MY_KEY", SECRET)
    (tmp_path / "hook").write_text("whsec_0123456789abcdef\n")
    settings = load(
        f'[providers.main]\nuse = "stripe"\napi_key = "env:MY_KEY"\nwebhook_secrets = ["file:{tmp_path}/hook"]\n'
    )

    assert ["main"] == [provider.account.name for provider in settings.built_providers()]


@pytest.mark.parametrize(
    ("reference", "text"),
    [("env:NOBODY_SET_THIS", "'NOBODY_SET_THIS', which is not set"), ("file:/nowhere/at/all", "cannot be read")],
)
def test_secret_is_refused_when_it_is_not_where_it_should_be(load, reference, text):
    """The message names variable or file, and the setting."""
    settings = load(f'[providers.main]\nuse = "stripe"\napi_key = "{reference}"')
    error = refusal_of(settings.built_providers)

    assert "providers.main.api_key" == error.path
    assert text in error.message


def test_secret_may_stand_in_the_environment_itself(monkeypatch):
    """`EVPAY_PROVIDERS__MAIN__API_KEY` is the environment already."""
    monkeypatch.setenv("EVPAY_PROVIDERS__MAIN__USE", "stripe")
    monkeypatch.setenv("EVPAY_PROVIDERS__MAIN__API_KEY", SECRET)

    assert ["main"] == [provider.account.name for provider in Settings.load().built_providers()]


@pytest.fixture
def secretive(monkeypatch):
    """Settings that hold a secret, from the environment and in the store's address."""
    monkeypatch.setenv("EVPAY_PROVIDERS__MAIN__API_KEY", SECRET)
    monkeypatch.setenv("EVPAY_STORE", f"postgresql://evpay:{SECRET}@db/evpay")
    return Settings.load()


@pytest.mark.parametrize("show", [repr, str, lambda settings: f"{settings}", lambda settings: repr([settings])])
def test_settings_show_no_secret(secretive, show):
    """Not in a log, not in a traceback."""
    assert SECRET not in show(secretive)
    assert SECRET == secretive.providers["main"]["api_key"]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_settings_are_not_pickled(secretive, protocol):
    """A pickle is a file with the secrets in it."""
    with pytest.raises(TypeError, match="not pickled") as refusal:
        pickle.dumps(secretive, protocol)

    assert SECRET not in str(refusal.value)


def test_settings_are_copied(secretive):
    """A copy in memory is no file."""
    assert secretive == copy.copy(secretive) == copy.deepcopy(secretive)


@pytest.mark.parametrize(
    ("name", "value", "path"),
    [
        ("EVPAY_LEASE_S", SECRET, "lease_s"),
        ("EVPAY_PROVIDERS__MAIN", f'"{SECRET}"', "providers.main"),
        ("EVPAY_PROVIDERS", f'{{"main": "{SECRET}', None),
        ("EVPAY_PROVIDERS", f'"{SECRET}"', "providers"),
    ],
)
def test_environment_is_refused_without_its_value(monkeypatch, name, value, path):
    """A variable that cannot be used is named; what it holds may be a secret."""
    monkeypatch.setenv(name, value)
    error = refusal_of(Settings.load)

    assert path == error.path
    assert SECRET not in f"{error}{error!r}{error.__cause__}"


@pytest.mark.parametrize(
    "content", [b"store = ", b"= 5", b"\xff\xfe\x00", b'store = "a"\nstore = "b"', b"[policy\n", b"x" * 1_000_001]
)
def test_file_is_refused_when_it_is_not_toml(tmp_path, content):
    """Broken, binary or huge: one error that names the file."""
    path = tmp_path / "evpay.toml"
    path.write_bytes(content)

    assert str(path) in refusal_of(lambda: Settings.load(path)).message


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_file_is_refused_when_it_cannot_be_read(tmp_path, name):
    """No silent default for a file that was named."""
    assert "cannot be read" in refusal_of(lambda: Settings.load(tmp_path / name)).message


def test_settings_refuse_to_be_changed():
    """A running engine and its settings do not drift apart."""
    with pytest.raises(ValueError, match="frozen"):
        Settings.load().store = "x"


def test_policy_of_a_site_is_kept_as_written(load):
    """It is merged at the start of a session."""
    site = load('[sites.HH]\npolicy = { hold = "60 EUR", answer_within_s = 4 }').built_sites()["HH"]

    assert {"hold": "60 EUR", "answer_within_s": 4} == dict(site.policy)
    assert json.dumps(dict(site.policy))


def test_date_in_a_file_is_no_setting(load):
    """TOML has types that no setting takes."""
    assert "store" == refusal_of(lambda: load(f"store = {datetime(2026, 7, 1, tzinfo=UTC).isoformat()}")).path


BRAINTREE = """
[providers.main]
use = "braintree"
merchant_id = "m1"
public_key = "env:PUBLIC"
private_key = "env:PRIVATE"
merchant_accounts = { EUR = "eur" }
webhook_keys = { second = "env:SECOND" }
"""


@pytest.fixture
def braintree_keys(monkeypatch):
    """The keys that the file names."""
    for name in ("PUBLIC", "PRIVATE", "SECOND"):
        monkeypatch.setenv(name, f"{name.lower()}-of-a-key-pair")


@pytest.mark.usefixtures("braintree_keys")
def test_secrets_inside_a_mapping_are_resolved(load):
    """A key of a pair is what the environment has, and not the words `env:...`."""
    (provider,) = load(BRAINTREE).built_providers()

    assert provider._settings.webhook_keys["second"].get_secret_value() == "second-of-a-key-pair"


@pytest.mark.usefixtures("braintree_keys")
def test_a_mapping_in_the_environment_is_json(load, monkeypatch):
    """It wins over the file, like everything there."""
    monkeypatch.setenv("EVPAY_PROVIDERS__MAIN__MERCHANT_ACCOUNTS", '{"NOK": "nok", "SEK": "sek"}')

    (provider,) = load(BRAINTREE).built_providers()

    assert set(provider.capabilities.amounts) == {"NOK", "SEK"}


@pytest.mark.usefixtures("braintree_keys")
def test_what_begins_like_json_and_is_none_is_refused_without_being_shown(load, monkeypatch):
    """It may hold a secret."""
    monkeypatch.setenv("EVPAY_PROVIDERS__MAIN__WEBHOOK_KEYS", '{"second": "hidden-private-key')

    error = refusal_of(load(BRAINTREE).built_providers)

    assert error.path == "providers.main.webhook_keys"
    assert "hidden" not in error.message

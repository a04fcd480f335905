"""Providers are found by name, and what is missing is said with its cure."""

import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path

import pytest

from evpay.errors import ConfigurationError
from evpay.payments.account import Funding
from evpay.providers.registry import GROUP, build, load, provider_names
from evpay_providers.sandbox import SandboxProvider, SandboxSettings

ADAPTER = """
from pydantic import BaseModel, SecretStr, Field
from evpay.model import FrozenModel
from evpay.providers import Account

class AcmePaySettings(BaseModel):
    model_config = {"extra": "forbid"}
    account: str
    api_key: SecretStr = Field(min_length=8)
    region: int = 1

class FrozenPaySettings(FrozenModel):
    account: str
    api_key: str = Field(min_length=8)

class AcmePayProvider:
    def __init__(self, settings):
        self.settings = settings
        self.account = Account(provider="acme_pay", name=settings.account, live=False)

class FrozenPayProvider(AcmePayProvider):
    pass
"""


@dataclass
class Installed(Distribution):
    """A distribution that is only said to be installed."""

    wanted_name: str
    extras: tuple[str, ...] = ()

    def read_text(self, filename: str) -> str | None:
        lines = ["Metadata-Version: 2.4", f"Name: {self.wanted_name}", "Version: 1"]
        extras = [f"Provides-Extra: {extra}" for extra in self.extras]
        return "\n".join([*lines, *extras, ""]) if filename == "METADATA" else None

    def locate_file(self, path: object) -> Path:
        return Path(str(path))


def announced(name: str, value: str, *, by: str = "acme-evpay", extras: tuple[str, ...] = ()) -> EntryPoint:
    entry = EntryPoint(name=name, value=value, group=GROUP)
    vars(entry).update(dist=Installed(by, extras))
    return entry


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes an importable module and returns its name."""
    made = []

    def make(name: str, text: str) -> str:
        (tmp_path / f"{name}.py").write_text(text)
        made.append(name)
        return name

    monkeypatch.syspath_prepend(tmp_path)
    yield make
    for name in made:
        sys.modules.pop(name, None)


def test_names_of_what_is_installed():
    """The product's own providers are announced."""
    assert {"sandbox", "stripe"} <= set(provider_names())


def test_names_are_sorted_and_need_no_import():
    """Listing imports nothing, so a provider without its SDK is listed too."""
    candidates = [announced("stripe", "not.there"), announced("adyen", "not.there.either")]

    assert provider_names(candidates=candidates) == ("adyen", "stripe")


def test_load_finds_the_two_classes():
    """A name gives the package with provider and settings."""
    package = load("sandbox")

    assert (package.provider_class, package.settings_class) == (SandboxProvider, SandboxSettings)
    assert (package.name, package.module) == ("sandbox", "evpay_providers.sandbox")


def test_build_makes_the_account():
    """Options go into the settings as the configuration file writes them."""
    provider = build("sandbox", "demo", {"funding": "deposit", "hold_lifetime": 3600})

    assert (provider.account.provider, provider.account.name) == ("sandbox", "demo")
    assert provider.capabilities.funding is Funding.DEPOSIT


def test_class_names_follow_the_entry_point_in_any_capitals(module):
    """`acme_pay` finds AcmePayProvider and AcmePaySettings."""
    name = module("acme_evpay", ADAPTER)

    provider = build("acme_pay", "acme", {"api_key": "12345678"}, candidates=[announced("acme_pay", name)])

    assert provider.account.name == "acme"


@pytest.mark.parametrize(("use", "hint"), [("strpe", "Did you mean 'stripe'?"), ("zzz", "Installed: sandbox, stripe.")])
def test_unknown_name_lists_what_there_is(use, hint):
    """A wrong name is answered with the right ones."""
    candidates = [announced("stripe", "x"), announced("sandbox", "y")]

    with pytest.raises(ConfigurationError) as caught:
        load(use, candidates=candidates)

    assert repr(use) in caught.value.message
    assert hint in caught.value.message


def test_nothing_installed_is_said():
    """Without any provider the message still makes sense."""
    with pytest.raises(ConfigurationError, match="Installed: none"):
        load("stripe", candidates=[])


def test_duplicate_names_are_refused_with_both_distributions():
    """Which of two adapters takes the money is not left to chance."""
    candidates = [announced("stripe", "evpay_providers.stripe", by="evpay"), announced("stripe", "other.stripe")]

    with pytest.raises(ConfigurationError) as caught:
        load("stripe", candidates=candidates)

    assert "evpay (evpay_providers.stripe)" in caught.value.message
    assert "acme-evpay (other.stripe)" in caught.value.message


def test_same_announcement_twice_is_no_duplicate():
    """A distribution that is found twice on the path is one."""
    twice = [announced("sandbox", "evpay_providers.sandbox", by="evpay") for _ in range(2)]

    assert load("sandbox", candidates=twice).provider_class is SandboxProvider


def test_explicit_module_wins_over_duplicates():
    """Naming the module itself loads it, whoever announces what."""
    candidates = [announced("sandbox", "a.b", by="one"), announced("sandbox", "c.d", by="two")]

    assert load("evpay_providers.sandbox", candidates=candidates).provider_class is SandboxProvider


@pytest.mark.parametrize(
    ("by", "extras", "command"),
    [("evpay", ("acme", "cli"), "pip install 'evpay[acme]'"), ("acme-evpay", (), "pip install 'acme-evpay'")],
)
def test_missing_sdk_says_what_to_install(module, by, extras, command):
    """A missing SDK is a set-up error with the command that cures it."""
    name = module("acme_without_sdk", "import acme_sdk_that_nobody_has\n")

    with pytest.raises(ConfigurationError) as caught:
        load("acme", candidates=[announced("acme", name, by=by, extras=extras)])

    assert command in caught.value.message
    assert "acme_sdk_that_nobody_has" in caught.value.message


@pytest.mark.parametrize(
    "text",
    [
        (
            "class AcmeSettings:\n    def __init__(self, **_): pass\n"
            "class AcmeProvider:\n    def __init__(self, _):\n        import acme_sdk_that_nobody_has\n"
        ),
        (
            "__all__ = ['AcmeProvider', 'AcmeSettings']\n"
            "def __getattr__(name):\n    if name not in __all__: raise AttributeError(name)\n"
            "    import acme_sdk_that_nobody_has\n"
        ),
    ],
    ids=["in the constructor", "at the first use of the class"],
)
def test_sdk_that_is_missing_later_says_the_same(module, text):
    """A package may import its SDK late; the message is the same."""
    candidates = [announced("acme", module("acme_lazy", text), by="evpay", extras=("acme",))]

    with pytest.raises(ConfigurationError, match=r"pip install 'evpay\[acme\]'"):
        build("acme", "acme", {}, candidates=candidates)


def test_defect_inside_the_package_is_not_called_a_missing_sdk(module):
    """An import that fails within the package itself is reported as what it is."""
    name = module("acme_broken", "import acme_broken.nothing\n")

    with pytest.raises(ConfigurationError) as caught:
        load("acme", candidates=[announced("acme", name)])

    assert "pip install" not in caught.value.message
    assert "acme_broken" in caught.value.message


def test_module_without_the_classes_is_refused(module):
    """What is missing in a package is named."""
    name = module("acme_empty", "AcmeProvider = 'not a class'\n")

    with pytest.raises(ConfigurationError, match="AcmeProvider"):
        load("acme", candidates=[announced("acme", name)])


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"hold_lifetim": 3}, "providers.demo.hold_lifetim"),
        ({"funding": "gift"}, "providers.demo.funding"),
        ({"webhook_secret": "short"}, "providers.demo.webhook_secret"),
        ({"account": "other"}, "providers.demo.account"),
        ({"over_capture_percent": 101}, "providers.demo.over_capture_percent"),
    ],
)
def test_wrong_options_name_their_line(options, path):
    """A set-up error points at the line of the configuration."""
    with pytest.raises(ConfigurationError) as caught:
        build("sandbox", "demo", options)

    assert caught.value.path == path
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).count("webhook_secret: ") <= 1


def test_near_miss_of_an_option_is_suggested():
    """A misspelt option is answered with the right one."""
    with pytest.raises(ConfigurationError, match="Did you mean 'hold_lifetime'"):
        build("sandbox", "demo", {"hold_lifetim": 3})


@pytest.mark.parametrize("use", ["acme_pay", "frozen_pay"])
@pytest.mark.parametrize("options", [{"api_key": "hunter2"}, {"api_key": ["hunter2"]}, {}])
def test_message_never_repeats_a_value(module, options, use):
    """An option that does not fit may be a secret."""
    candidates = [announced(use, module("acme_secret", ADAPTER))]

    with pytest.raises(ConfigurationError) as caught:
        build(use, "acme", options, candidates=candidates)

    assert caught.value.path == "providers.acme.api_key"
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_settings_that_are_no_model_are_served_too(module):
    """A settings class may be anything that takes keywords; what it does not take is a set-up error."""
    text = (
        "class AcmeSettings:\n    def __init__(self, *, account, key): self.account = account\n"
        "class AcmeProvider:\n    def __init__(self, settings): self.settings = settings\n"
    )
    candidates = [announced("acme", module("acme_plain", text))]

    with pytest.raises(ConfigurationError) as caught:
        build("acme", "a", {"kee": 1}, candidates=candidates)

    assert caught.value.path == "providers.a"
    assert build("acme", "a", {"key": 1}, candidates=candidates).settings.account == "a"


def test_bad_account_name_is_named_once():
    """The account's own error keeps its path."""
    with pytest.raises(ConfigurationError) as caught:
        build("sandbox", "Not A Name", {})

    assert caught.value.path == "providers.Not A Name"


def test_nothing_is_loaded_before_it_is_asked_for():
    """Importing the registry imports no provider package."""
    code = "import sys, evpay.providers.registry as r; r.provider_names(); print('evpay_providers' in sys.modules)"

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert printed.stdout.strip() == "False"

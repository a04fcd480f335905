"""Settings from one TOML file and the environment; nothing is searched for, and secrets are never written in the file.

The first wins: arguments in code, environment (`EVPAY_STORE`, `EVPAY_PROVIDERS__STRIPE_EU__API_KEY`,
`EVPAY_POLICY__HOLD`), the file, defaults.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NoReturn, Self

from pydantic import BaseModel, Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

from evpay.errors import ConfigurationError, InvalidInput
from evpay.json_text import read_json
from evpay.model import in_plain_words
from evpay.payments.policy import Policy
from evpay.providers import Provider
from evpay.providers.registry import build
from evpay.receipts.model import Seller
from evpay.sessions.model import Site

__all__ = ["Settings"]

_SECRET: Final = re.compile(r"key|secret|password|token", re.IGNORECASE)
_MAX_FILE_BYTES: Final = 1_000_000


class Settings(BaseSettings):
    """What `EvPay.open` needs.

    `providers` maps an account's name to its options; `use` names the adapter, the rest are its settings.
    Secrets are written `"env:NAME"` or `"file:/path"`.
    """

    model_config = SettingsConfigDict(
        env_prefix="EVPAY_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        nested_model_default_partial_update=True,
    )

    store: str = Field(default="sqlite:///evpay.db", repr=False)
    providers: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict, repr=False)
    policy: Mapping[str, Any] = Field(default_factory=dict)
    sites: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    sellers: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)
    call_deadline_s: float = Field(default=30, gt=0, le=120)
    lease_s: float = Field(default=60, gt=0, le=3600, validate_default=True)

    @field_validator("lease_s")
    @classmethod
    def _outlives_a_call(cls, value: float, info: ValidationInfo) -> float:
        deadline_s = info.data.get("call_deadline_s")
        if deadline_s is not None and value <= deadline_s:
            raise ValueError(
                f"is {value:g} s, and a call may take {deadline_s:g} s: another backend would take over what is still "
                "being asked. Make it longer than call_deadline_s"
            )
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file, whose content comes in as arguments; no other source is read."""
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings

    @classmethod
    def load(cls, path: str | Path | None = None, **given: Any) -> Self:
        """Read a file (None: no file) and the environment.

        Raises:
            ConfigurationError: naming the file, or the path of the setting at fault.
        """
        document = {} if path is None else _read(Path(path))
        try:
            loaded = cls(**document)
            return loaded._with(given) if given else loaded
        except SettingsError as error:
            raise ConfigurationError(f"The environment cannot be read: {error}.") from None
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise ConfigurationError(f"{in_plain_words(first, known=cls.model_fields)}.", path=place or None) from None

    def _with(self, given: Mapping[str, Any]) -> Self:
        """Return these settings with some given in code, which win over the environment as well."""
        made = type(self).__new__(type(self))
        BaseModel.__init__(made, **{**self.model_dump(), **given})  # that of BaseSettings would read the environment
        return made

    def __getstate__(self) -> NoReturn:
        raise TypeError("Settings hold secrets and are not pickled. Load them where they are needed.")

    def built_providers(self) -> tuple[Provider, ...]:
        """Return an adapter for every account, in the order of the file."""
        return tuple(self._built(name, options) for name, options in self.providers.items())

    def _built(self, name: str, options: Mapping[str, Any]) -> Provider:
        path = f"providers.{name}"
        use = options.get("use")
        if not isinstance(use, str):
            raise ConfigurationError("says not which adapter it is: add use = 'stripe'.", path=f"{path}.use")
        rest = {key: _revealed(value, f"{path}.{key}") for key, value in options.items() if key != "use"}
        return build(use, name, rest)

    def built_policy(self) -> Policy:
        """Return the default policy."""
        policy: Policy = _built(Policy, self.policy, "policy")
        return policy

    def built_sites(self) -> dict[str, Site]:
        """Return the sites by id."""
        return {name: _built(Site, {"id": name, **fields}, f"sites.{name}") for name, fields in self.sites.items()}

    def built_sellers(self) -> dict[str, Seller]:
        """Return the sellers by id."""
        return {
            name: _built(Seller, {"id": name, **fields}, f"sellers.{name}") for name, fields in self.sellers.items()
        }


def _built(model: type[Any], fields: Mapping[str, Any], path: str) -> Any:
    try:
        return model(**fields)
    except InvalidInput as error:
        place = f"{model.__name__}.{error.path}: "
        raise ConfigurationError(
            error.message.removeprefix(place), path=f"{path}.{error.path}" if error.path else path
        ) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise ConfigurationError(f"{str(path)!r} is too big to be a settings file.")
        document = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=_refuse_float)
    except OSError as error:
        raise ConfigurationError(f"{str(path)!r} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{str(path)!r} is not TOML: {error}.") from error
    _refuse_literal_secrets(document)
    _refuse_password(document.get("store"))
    return document


def _refuse_float(text: str) -> object:
    return text  # amounts are read as text, so that none ever is a float


def _refuse_literal_secrets(document: Mapping[str, Any]) -> None:
    providers = document.get("providers")
    for account, options in providers.items() if isinstance(providers, dict) else ():
        for name, value in options.items() if isinstance(options, dict) else ():
            _refuse_literals(value, f"providers.{account}.{name}", is_secret=bool(_SECRET.search(name)))


def _refuse_literals(value: object, path: str, *, is_secret: bool) -> None:
    """What stands inside a secret is one too: the keys of `webhook_keys` have names of their own."""
    if isinstance(value, dict):
        for name, inner in value.items():
            _refuse_literals(inner, f"{path}.{name}", is_secret=is_secret or bool(_SECRET.search(name)))
    elif isinstance(value, list):
        for inner in value:
            _refuse_literals(inner, path, is_secret=is_secret)
    elif is_secret and isinstance(value, str) and not _is_reference(value):
        raise ConfigurationError(
            "is a secret written into the file. Write 'env:NAME' or 'file:/path' instead.", path=path
        )


def _refuse_password(store: object) -> None:
    if isinstance(store, str) and re.search(r"://[^/@:]*:[^/@]+@", store):
        raise ConfigurationError(
            "has a password written into the file. Leave it out, or give the whole URL in EVPAY_STORE.", path="store"
        )


def _is_reference(value: str) -> bool:
    return value.startswith(("env:", "file:"))


def _revealed(value: Any, path: str) -> Any:
    if isinstance(value, list | tuple):
        return [_revealed(item, path) for item in value]
    if isinstance(value, Mapping):
        return {name: _revealed(item, f"{path}.{name}") for name, item in value.items()}
    if not isinstance(value, str):
        return value
    if not _is_reference(value):
        return _structured(value, path)
    kind, _, name = value.partition(":")
    if kind == "env":
        found = os.environ.get(name)
        if found is None:
            raise ConfigurationError(f"names the environment variable {name!r}, which is not set.", path=path)
        return found
    try:
        return Path(name).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigurationError(
            f"names the file {name!r}, which cannot be read: {error.strerror}.", path=path
        ) from error


def _structured(value: str, path: str) -> Any:
    """Return a text as it is, but a list or a mapping, which the environment can only write as JSON, as what it is."""
    if not value.startswith(("{", "[")):
        return value
    try:
        return read_json(value)
    except InvalidInput:
        raise ConfigurationError("begins like a list or a mapping and is not JSON.", path=path) from None

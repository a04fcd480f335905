"""Which providers there are, found over the entry points of the group `evpay.providers` and loaded on first use.

A package announces itself as `name = "its.module"`. Nothing else is asked of it than two names in that module: a
provider class and a settings class, called `<Name>Provider` and `<Name>Settings`, where `<Name>` is the entry
point's name in any capitals and without underscores (`paypal` finds `PayPalProvider`). The provider class takes the
settings as its first argument; the settings class takes `account` and the account's options as keywords.

A name that two distributions announce is refused. Explicit configuration wins: a dotted module in place of a name
is loaded as it is, announced or not.
"""

import difflib
import importlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any, Final

from pydantic import ValidationError

from evpay.errors import ConfigurationError, InvalidInput
from evpay.providers.protocol import Provider

__all__ = ["GROUP", "ProviderPackage", "build", "load", "provider_names"]

GROUP: Final = "evpay.providers"
_GOT: Final = re.compile(r" \(got .*\)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderPackage:
    """A loaded provider package; `install` is the command that brings its SDK."""

    name: str
    module: str
    provider_class: type[Provider]
    settings_class: type[Any]
    install: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    name: str
    module: str
    install: str


def _announced(candidates: Iterable[EntryPoint] | None) -> list[EntryPoint]:
    return list(entry_points(group=GROUP) if candidates is None else candidates)


def _distribution(candidate: EntryPoint) -> str:
    return candidate.dist.name if candidate.dist else "an unknown distribution"


def _install(candidate: EntryPoint) -> str:
    distribution = candidate.dist
    if distribution is None:
        return f"pip install what {candidate.module} needs"
    extras = distribution.metadata.get_all("Provides-Extra") or []
    wanted = f"{distribution.name}[{candidate.name}]" if candidate.name in extras else distribution.name
    return f"pip install '{wanted}'"


def _near(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def provider_names(*, candidates: Iterable[EntryPoint] | None = None) -> tuple[str, ...]:
    """Return the names that `load` and `build` take, sorted; nothing is imported for it.

    `candidates` replaces what is installed.
    """
    return tuple(sorted({candidate.name for candidate in _announced(candidates)}))


def _source(use: str, candidates: Iterable[EntryPoint] | None) -> _Source:
    if "." in use:
        return _Source(name=use.rpartition(".")[2], module=use, install=f"pip install what {use} needs")
    announced = _announced(candidates)
    found = [candidate for candidate in announced if candidate.name == use]
    if not found:
        names = provider_names(candidates=announced)
        listed = ", ".join(names) or "none"
        raise ConfigurationError(f"There is no provider {use!r}.{_near(use, names)} Installed: {listed}.")
    if len({(_distribution(candidate), candidate.value) for candidate in found}) > 1:
        both = " and ".join(f"{_distribution(candidate)} ({candidate.value})" for candidate in found)
        raise ConfigurationError(
            f"The provider {use!r} is announced by {both}. Uninstall one, or name the module itself: "
            f"use = {found[0].module!r}."
        )
    return _Source(name=use, module=found[0].module, install=_install(found[0]))


def _unloadable(source: _Source, error: ImportError) -> ConfigurationError:
    missing = (error.name or "").partition(".")[0]
    is_ours = missing in {"", "evpay", source.module.partition(".")[0]}
    if isinstance(error, ModuleNotFoundError) and not is_ours:
        return ConfigurationError(
            f"The provider {source.name!r} needs {missing!r}, which is not installed: {source.install}"
        )
    return ConfigurationError(f"The provider {source.name!r} cannot be loaded from {source.module}: {error}")


def _class_in(module: ModuleType, source: _Source, suffix: str) -> type[Any]:
    wanted = (source.name.replace("_", "") + suffix).lower()
    names = [name for name in getattr(module, "__all__", dir(module)) if name.lower() == wanted]
    found = getattr(module, names[0]) if names else None
    if not isinstance(found, type):
        raise ConfigurationError(
            f"{source.module} has no class {source.name.title().replace('_', '')}{suffix}, which the provider "
            f"{source.name!r} must export."
        )
    return found


def load(use: str, *, candidates: Iterable[EntryPoint] | None = None) -> ProviderPackage:
    """Import a provider package by its name, or by its module.

    Raises:
        ConfigurationError: for a name that nobody or more than one announces, an SDK that is not installed (the
            message has the command), or a module without the two classes.
    """
    source = _source(use, candidates)
    try:
        module = importlib.import_module(source.module)
        provider_class = _class_in(module, source, "Provider")
        settings_class = _class_in(module, source, "Settings")
    except ImportError as error:
        raise _unloadable(source, error) from error
    return ProviderPackage(
        name=source.name,
        module=source.module,
        provider_class=provider_class,
        settings_class=settings_class,
        install=source.install,
    )


def _settings(package: ProviderPackage, account: str, options: Mapping[str, Any]) -> Any:
    """Make the settings; a message never repeats a value, which may be a secret."""
    place = f"providers.{account}"
    known = sorted(getattr(package.settings_class, "model_fields", {}))
    unknown = [name for name in options if known and name not in known]
    if "account" in options:
        raise ConfigurationError(
            f"the account is called {account!r} already. Leave this line out.", path=f"{place}.account"
        )
    if unknown:
        raise ConfigurationError(
            f"The provider {package.name!r} has no such option.{_near(unknown[0], known)} "
            f"Options: {', '.join(name for name in known if name != 'account')}.",
            path=f"{place}.{unknown[0]}",
        )
    try:
        return package.settings_class(account=account, **options)
    except ConfigurationError as error:
        inner = error.path or ""
        path = inner if inner.startswith("providers.") else f"{place}.{inner}".rstrip(".")
        raise ConfigurationError(error.message.removeprefix(f"{inner}: "), path=path) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        path = ".".join([place, *(str(part) for part in first["loc"])])
        raise ConfigurationError(f"{first['msg']}.", path=path) from None
    except InvalidInput as error:
        text = _GOT.sub("", error.message).removeprefix(f"{package.settings_class.__name__}.{error.path}: ")
        raise ConfigurationError(text, path=f"{place}.{error.path}" if error.path else place) from None
    except TypeError as error:
        raise ConfigurationError(
            f"the options do not fit the provider {package.name!r}: {error}.", path=place
        ) from error


def build(
    use: str, account: str, options: Mapping[str, Any], *, candidates: Iterable[EntryPoint] | None = None
) -> Provider:
    """Make the provider of one configured account.

    `use` is a name or a module as in `load`; `options` are the account's own settings, secrets resolved.

    Raises:
        ConfigurationError: as `load` does, and for options that do not fit; its `path` is the line at fault.
    """
    package = load(use, candidates=candidates)
    settings = _settings(package, account, options)
    try:
        return package.provider_class(settings)  # type: ignore[call-arg]  # a Protocol cannot state a constructor
    except ImportError as error:
        source = _Source(name=package.name, module=package.module, install=package.install)
        raise _unloadable(source, error) from error

"""A processor's SDK, imported when a provider is made and not before."""

from importlib import import_module
from types import ModuleType

from evpay.errors import ConfigurationError

__all__ = ["import_sdk"]


def import_sdk(*modules: str, provider: str) -> tuple[ModuleType, ...]:
    """Import an SDK, and modules of an adapter that need it.

    `provider` is the adapter's name, and that of the extra which installs the SDK.

    Raises:
        ConfigurationError: it is not installed; the message has the command.
    """
    try:
        return tuple(import_module(module) for module in modules)
    except ImportError as error:
        raise ConfigurationError(
            f"The {provider.title()} SDK cannot be imported ({error.name}). "
            f"Install it with: pip install 'evpay[{provider}]'.",
            path=f"providers.{provider}",
        ) from error

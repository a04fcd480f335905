"""The same face, blocking: the same names, arguments and return types, without `await`.

Nothing is written twice. Each name is a descriptor over the async method, which runs it in one event loop on a
thread of its own; a call costs about a tenth of a millisecond.
"""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

from evpay import client

__all__ = ["EvPay", "Methods", "Payments", "Receipts", "Sessions"]

P = ParamSpec("P")
T = TypeVar("T")
A = TypeVar("A")


class _Loop:
    """One event loop on a daemon thread per process; a fork gets its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = 0

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._running()).result()

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None or self._process != os.getpid():
                self._loop, self._process = asyncio.new_event_loop(), os.getpid()
                threading.Thread(target=self._loop.run_forever, name="evpay-sync", daemon=True).start()
            return self._loop


_loop = _Loop()


class calls(Generic[A, P, T]):  # noqa: N801 - reads as a verb where it is used
    """A blocking method over an async one: `start = calls(client.EvPay.start)`."""

    def __init__(self, method: Callable[Concatenate[A, P], Coroutine[Any, Any, T]]) -> None:
        self._method = method
        self.__doc__ = method.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: "_Blocking[A]", owner: type) -> Callable[P, T]: ...
    def __get__(self, instance: "_Blocking[A] | None", owner: type) -> "Self | Callable[P, T]":
        if instance is None:
            return self

        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            return _loop.run(self._method(instance.face, *args, **kwargs))

        return call


class iterates(Generic[A, P, T]):  # noqa: N801 - reads as a verb where it is used
    """A blocking iterator over an async one."""

    def __init__(self, method: Callable[Concatenate[A, P], AsyncIterator[T]]) -> None:
        self._method = method
        self.__doc__ = method.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: "_Blocking[A]", owner: type) -> Callable[P, Iterator[T]]: ...
    def __get__(self, instance: "_Blocking[A] | None", owner: type) -> "Self | Callable[P, Iterator[T]]":
        if instance is None:
            return self

        def iterate(*args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
            source = self._method(instance.face, *args, **kwargs)
            try:
                while True:
                    try:
                        yield _loop.run(_next(source))
                    except StopAsyncIteration:
                        return
            finally:
                close = getattr(source, "aclose", None)
                if close is not None:
                    _loop.run(close())

        return iterate


async def _next(source: AsyncIterator[T]) -> T:
    return await anext(source)


class _Blocking(Generic[A]):
    """Holds the async face that the descriptors call."""

    def __init__(self, face: A) -> None:
        self.face = face


class Payments(_Blocking[client.Payments]):
    """The payment level, blocking."""

    authorize = calls(client.Payments.authorize)
    complete_action = calls(client.Payments.complete_action)
    increment = calls(client.Payments.increment)
    capture = calls(client.Payments.capture)
    void = calls(client.Payments.void)
    refund = calls(client.Payments.refund)
    resolve = calls(client.Payments.resolve)
    get = calls(client.Payments.get)
    list = iterates(client.Payments.list)


class Sessions(_Blocking[client.Sessions]):
    """`pay.sessions`, blocking."""

    get = calls(client.Sessions.get)
    readings = calls(client.Sessions.readings)


class Receipts(_Blocking[client.Receipts]):
    """`pay.receipts`, blocking."""

    get = calls(client.Receipts.get)
    list = iterates(client.Receipts.list)
    render = calls(client.Receipts.render)


class Methods(_Blocking[client.Methods]):
    """`pay.methods`, blocking."""

    list = iterates(client.Methods.list)
    forget = calls(client.Methods.forget)


class EvPay(_Blocking[client.EvPay]):
    """The money side of a charging backend, blocking; see `evpay.EvPay`."""

    def __init__(self, face: client.EvPay) -> None:
        super().__init__(face)
        self.payments = Payments(face.payments)
        self.sessions = Sessions(face.sessions)
        self.receipts = Receipts(face.receipts)
        self.methods = Methods(face.methods)

    @classmethod
    def open(cls, *args: Any, **kwargs: Any) -> Self:
        """Check the set-up and return an EvPay; the arguments are those of `evpay.EvPay.open`."""
        return cls(client.EvPay.open(*args, **kwargs))

    def scoped(self, *, tenant: str | None = None, actor: str | None = None) -> Self:
        """Return a cheap view for one tenant; `actor` goes to the record of what is done."""
        return type(self)(self.face.scoped(tenant=tenant, actor=actor))

    def __enter__(self) -> Self:
        _loop.run(self.face.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self.aclose()

    aclose = calls(client.EvPay.aclose)
    start = calls(client.EvPay.start)
    complete_action = calls(client.EvPay.complete_action)
    cancel = calls(client.EvPay.cancel)
    record = calls(client.EvPay.record)
    exposure = calls(client.EvPay.exposure)
    watch = iterates(client.EvPay.watch)
    finish = calls(client.EvPay.finish)
    refund = calls(client.EvPay.refund)
    webhook = calls(client.EvPay.webhook)
    events = iterates(client.EvPay.events)
    settlements = calls(client.EvPay.settlements)
    recover = calls(client.EvPay.recover)
    run = calls(client.EvPay.run)

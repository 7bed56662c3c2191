"""Messages between the worker and a driver's process: a four-byte length and a pickle, over a socket pair with
deadlines.
"""

from __future__ import annotations

import pickle
import socket
import struct
import time
from typing import Any

LENGTH = struct.Struct(">I")
LARGEST = 256 * 1024 * 1024


class WireClosed(Exception):
    """The other side is gone."""


class WireUnread(WireClosed):
    """The other side is gone without having read the whole of our last message (ECONNRESET, unix(7) stream sockets)."""


def _left(until: float | None) -> float | None:
    if until is None:
        return None
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def send(sock: socket.socket, message: Any, until: float | None = None) -> None:
    """Send one message, by the monotonic instant ``until``. Raises TimeoutError, WireClosed."""
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    if len(body) > LARGEST:
        raise ValueError(f"a message of {len(body)} bytes is larger than {LARGEST}")
    sock.settimeout(_left(until))
    try:
        sock.sendall(LENGTH.pack(len(body)) + body)
    except TimeoutError:
        raise
    except OSError as error:
        raise WireClosed from error


def receive(sock: socket.socket, until: float | None = None) -> Any:
    """Receive one message, by the monotonic instant ``until``. Raises TimeoutError, WireClosed.

    Both ends are the kiosk's own code under the same user, which is why unpickling is safe here.
    """
    (length,) = LENGTH.unpack(_exactly(sock, LENGTH.size, until))
    if length > LARGEST:
        raise WireClosed(f"a message of {length} bytes is larger than {LARGEST}")
    return pickle.loads(_exactly(sock, length, until))  # noqa: S301


def _exactly(sock: socket.socket, count: int, until: float | None) -> bytes:
    buffer = bytearray(count)
    view = memoryview(buffer)
    done = 0
    while done < count:
        sock.settimeout(_left(until))
        try:
            got = sock.recv_into(view[done:])
        except TimeoutError:
            raise
        except ConnectionResetError as error:
            raise WireUnread from error
        except OSError as error:
            raise WireClosed from error
        if not got:
            raise WireClosed
        done += got
    return bytes(buffer)

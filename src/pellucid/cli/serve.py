"""``pellucid serve``: predictions over HTTP, with a page to try the network."""

import os
import warnings
from importlib import import_module
from json import dumps
from pathlib import Path
from typing import Annotated

from pellucid.cli.output import ERRORS, OUTPUT, Option
from pellucid.optional_packages import require_packages
from pellucid.tracking.errors import UsageError

TOKEN_VARIABLE = "PELLUCID_SERVE_TOKEN"
MAXIMUM_PORT = 65_535


def serve(
    network: Path,
    /,
    *,
    host: Annotated[str, Option] = "127.0.0.1",
    port: Annotated[int | None, Option] = None,
    token: Annotated[str | None, Option] = None,
    allow_remote: Annotated[bool, Option] = False,
    batch_size: Annotated[int, Option] = 32,
    max_megabytes: Annotated[float, Option] = 16.0,
    timeout: Annotated[float, Option] = 30.0,
    quiet: Annotated[bool, Option] = False,
    json: Annotated[bool, Option] = False,
) -> int:
    """Serve the predictions of a trained network over HTTP, with a page to try it in the browser.

    For example:

        pellucid serve runs/7
        pellucid serve model.pel --port 9000
        pellucid serve runs/7 --json --port 0      for a program that starts it

    Open the printed address in a browser, or send requests from a program:

        AUTH="Authorization: Bearer $TOKEN" URL=http://127.0.0.1:8000/predict
        curl -H "$AUTH" --json '{"rows": [{"rooms": 3, "age": 9}]}' $URL
        curl -H "$AUTH" -F file=@flats.csv $URL
        curl -H "$AUTH" -F file=@a.jpg -F file=@b.jpg $URL

    The predictions are those of pellucid predict --json, and warnings about
    cells and images are in the response. GET /schema describes requests and
    responses, and GET /health needs no token. Requests that arrive together
    are computed in one batch.

    Only this machine can connect, and only with the token. For other machines
    there is --allow-remote, without encryption: put a proxy with TLS in front.
    Ctrl-C and SIGTERM answer the running requests first.

    Parameters
    ----------
    network
        Folder of a run, or .pel or .keras file.
    host
        Address to listen on (default 127.0.0.1). Others than those of this machine need --allow-remote.
    port
        Port (default: 8000, or a free one if it is in use). 0 is any free port.
    token
        Token of 16 characters or more (default: PELLUCID_SERVE_TOKEN, which other users cannot see, or a random one).
    allow_remote
        Let other machines connect.
    batch_size
        Largest number of samples computed in one call of the network (default 32).
    max_megabytes
        Largest body of a request (default 16).
    timeout
        Seconds after which a request is given up (default 30).
    quiet
        Print no line for each request.
    json
        Print one line with url, page, token and pid, and nothing for requests.
    """
    chosen = token or os.environ.get(TOKEN_VARIABLE) or None
    check_options(host, port, chosen, allow_remote, batch_size, max_megabytes, timeout)
    with require_packages("pellucid serve"):
        for name in ("starlette", "uvicorn", "python_multipart"):
            import_module(name)
    from pellucid.train.evaluate.saved_models import load_saved_model
    from pellucid.train.serve.access import make_token
    from pellucid.train.serve.limits import MEGABYTE, Limits
    from pellucid.train.serve.served_model import ServedModel
    from pellucid.train.serve.server import Address, open_socket
    from pellucid.train.serve.server import serve as run_server

    served = ServedModel(load_saved_model(network), batch_size)
    limits = Limits(body_bytes=int(max_megabytes * MEGABYTE), seconds=timeout, batch_samples=batch_size)
    with open_socket(host, port) as listener:
        served.compile()

        def announce(address: Address) -> None:
            if json:
                described = {"url": address.url, "page": address.page, "token": address.token, "pid": os.getpid()}
                OUTPUT.print(dumps(described))
            else:
                OUTPUT.print(f"{network}: {address.page}\nStop with Ctrl-C.")

        log = (lambda line: None) if quiet or json else ERRORS.print
        run_server(served, listener, host, chosen or make_token(), limits, announce=announce, log=log)
    return 0


def check_options(
    host: str,
    port: int | None,
    token: str | None,
    allow_remote: bool,
    batch_size: int,
    max_megabytes: float,
    timeout: float,
) -> None:
    """Raise `UsageError` for an option out of range, and warn of a server that other machines can reach."""
    from pellucid.train.serve.access import MINIMUM_TOKEN_CHARACTERS, is_loopback

    if port is not None and not 0 <= port <= MAXIMUM_PORT:
        raise UsageError(f"--port: expected 0 to {MAXIMUM_PORT}; received {port}")
    if batch_size < 1:
        raise UsageError(f"--batch-size: expected 1 or more; received {batch_size}")
    for name, value in (("--max-megabytes", max_megabytes), ("--timeout", timeout)):
        if not 0 < value < float("inf"):
            raise UsageError(f"{name}: expected a number above 0; received {value:g}")
    if token is not None and not (len(token) >= MINIMUM_TOKEN_CHARACTERS and token.isascii() and token.isprintable()):
        raise UsageError(
            f"--token: expected {MINIMUM_TOKEN_CHARACTERS} or more printable ASCII characters; received {len(token)} "
            "characters. Omit it for a random token"
        )
    if is_loopback(host):
        return
    if not allow_remote:
        raise UsageError(
            f"--host: expected an address of this machine, such as 127.0.0.1; received {host}. With --allow-remote, "
            "other machines can connect"
        )
    warnings.warn(
        f"other machines can reach {host}. Token and data are not encrypted; use a network that you trust, or a proxy "
        "with TLS",
        stacklevel=2,
    )

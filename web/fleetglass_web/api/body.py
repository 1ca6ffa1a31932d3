"""The JSON body of a request, within a bound. A shell: it reads from the client."""

from typing import TypeVar

import msgspec
from starlette.requests import Request

from fleetglass_web.api.problems import Problem

T = TypeVar("T")


async def read_json(request: Request, kind: type[T], bytes_max: int, example: str) -> T:
    """The body as one of `kind`.

    Args:
        example: what a body looks like; stands in every error.

    Raises:
        Problem: 413 for one that is too long, 400 for one that is something else.
    """
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > bytes_max:
            raise Problem(413, f"the body is longer than {bytes_max:,} bytes; it is {example}")
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(400, f"the body must be JSON like {example}: {error}") from error

"""``qserver-zmq-keys``: make or derive keys of encrypted sockets."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from qs_jupyter.errors import ConfigurationError
from qs_jupyter.version import add_version
from qs_jupyter.wire.keys import (
    PRIVATE_KEY_VARIABLE,
    PUBLIC_KEY_VARIABLE,
    generate_keys,
    public_key_of,
)

MALFORMED = 4

_RULE = "=" * 88


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a pair of keys; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="qserver-zmq-keys",
        description="Print a new private and public key, or the public key of a private one. "
        f"The manager takes its private key from {PRIVATE_KEY_VARIABLE}, clients take the "
        f"manager's public key from {PUBLIC_KEY_VARIABLE}.",
        allow_abbrev=False,
    )
    add_version(parser)
    parser.add_argument("--zmq-private-key", metavar="KEY", help="derive the public key of this")
    private = parser.parse_args(arguments).zmq_private_key
    try:
        if private is None:
            public, private = generate_keys()
        else:
            public = public_key_of(private)
    except ConfigurationError as error:
        print(f"Failed to generate keys: {error}", file=sys.stderr)
        return MALFORMED
    print(_RULE)
    print("   Keys for encrypted communication between the manager and its clients")
    print(f"   Private key (RE Manager):                 {private}")
    print(f"   Public key (CLI client or HTTP server):   {public}")
    print(_RULE)
    return 0


if __name__ == "__main__":
    sys.exit(main())

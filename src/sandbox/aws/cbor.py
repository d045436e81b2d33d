"""Restores RPC v2 CBOR, the protocol that the Rust SDK speaks to CloudWatch and that moto does not know.

A request in it becomes the same request in AWS JSON before moto sees it, and the reply goes the other way: what stands
between, moto and the hooks, knows nothing of it. Documented in Smithy's "smithy-rpc-v2-cbor": the path is
`/service/{service}/operation/{operation}`, input and output are CBOR maps, an error tells its shape in `__type`.
"""

import base64
import io
import json
import re
from datetime import datetime, timezone

from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from moto.core.utils import get_service_model

# Of the services of this server, those that are asked in this protocol, by the name in the path.
SERVICES = {"GraniteServiceVersion20100801": "cloudwatch"}

_PATH = re.compile(r"^/service/([^/]+)/operation/([^/]+)/?$")
_PARSER = create_parser("smithy-rpc-v2-cbor")
_SERIALIZER = create_serializer("smithy-rpc-v2-cbor", include_validation=False)
_MAP = 5


def translated(application):
    """The WSGI application that understands both."""

    def both(environ, start_response):
        path = _PATH.match(environ["PATH_INFO"])
        if environ.get("HTTP_SMITHY_PROTOCOL") != "rpc-v2-cbor" or path is None or path[1] not in SERVICES:
            return application(environ, start_response)
        return _translate(application, environ, start_response, *path.groups())

    return both


def _translate(application, environ, start_response, target, operation):
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = json.dumps(decode(environ["wsgi.input"].read(length)), default=_to_json).encode()
    environ.update(
        {
            "PATH_INFO": "/",
            "RAW_URI": "/",
            "REQUEST_URI": "/",
            "CONTENT_TYPE": "application/x-amz-json-1.0",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_X_AMZ_TARGET": f"{target}.{operation}",
            "wsgi.input": io.BytesIO(body),
        }
    )
    heads = []
    reply = b"".join(application(environ, lambda status, headers, *_: heads.append((status, headers))))
    status, headers = heads[-1]
    try:
        answer = json.loads(reply or b"{}")
    except ValueError:
        # Not a reply of the service.
        start_response(status, headers)
        return [reply]
    if int(status.split()[0]) < 300:
        model = get_service_model(SERVICES[target])
        reply = encode(answer, model.operation_model(operation).output_shape)
    else:
        reply = _texts({"__type": answer.get("__type"), "message": answer.get("message") or answer.get("Message")})
    headers = [(name, value) for name, value in headers if name.lower() not in ("content-type", "content-length")]
    headers += [
        ("Content-Type", "application/cbor"),
        ("Content-Length", str(len(reply))),
        ("smithy-protocol", "rpc-v2-cbor"),
    ]
    start_response(status, headers)
    return [reply]


def decode(body):
    """The data in a CBOR body; nothing is an empty map."""
    return _PARSER.parse_data_item(_PARSER.get_peekable_stream_from_bytes(body)) if body else {}


def encode(answer, shape):
    """A reply of AWS JSON as CBOR, in the types that the shape prescribes."""
    if shape is None:
        return _texts({})
    body = bytearray()
    _SERIALIZER._serialize_data_item(body, _typed(answer, shape), shape)
    return bytes(body)


def _texts(members):
    members = {name: text for name, text in members.items() if text}
    body = bytearray(_SERIALIZER._get_initial_byte(_MAP, len(members)))
    for name, text in members.items():
        _SERIALIZER._serialize_type_string(body, name, None, None)
        _SERIALIZER._serialize_type_string(body, text, None, None)
    return bytes(body)


def _typed(value, shape):
    """Timestamps and bytes, which JSON writes as numbers and texts; members that the shape does not have are left out."""
    match shape.type_name:
        case "structure":
            members = shape.members
            return {
                name: _typed(member, members[name])
                for name, member in value.items()
                if member is not None and name in members
            }
        case "list":
            return [_typed(item, shape.member) for item in value]
        case "map":
            return {key: _typed(item, shape.value) for key, item in value.items()}
        case "timestamp":
            return datetime.fromtimestamp(value, timezone.utc)
        case "blob":
            return base64.b64decode(value)
        case "integer" | "long":
            return int(value)
        case "float" | "double":
            return float(value)
        case _:
            return value


def _to_json(value):
    if isinstance(value, datetime):
        return value.timestamp()
    return base64.b64encode(value).decode()

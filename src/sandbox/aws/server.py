"""The AWS side of platctl's sandbox: moto with the extension, on a free port of the loopback interface.

usage: server.py OPTIONS.json

Options: `instance` (its identity), `version`, `speed` (how many times faster than AWS), `durations` (see `clock`),
`ready` (the file that gets `{"pid", "port"}` once the server answers), `kubernetes` (where clusters of EKS answer, or null). Beside AWS's APIs and moto's `/moto-api/` it has
`GET /platctl/health` and `POST /platctl/{advance,configure,reset,stop}`.
"""

import io
import json
import logging
import os
import signal
import sys
import threading
import warnings

# Before moto is imported: the settings are read once, and nobody's AWS profile may reach into the sandbox.
for name in [name for name in os.environ if name.startswith(("AWS_", "MOTO_"))]:
    del os.environ[name]
os.environ.update(
    AWS_CONFIG_FILE=os.devnull,
    AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    AWS_EC2_METADATA_DISABLED="true",
    MOTO_EC2_LOAD_DEFAULT_AMIS="false",
    MOTO_IAM_LOAD_MANAGED_POLICIES="true",
)

from moto.core.base_backend import BackendDict
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

import cbor
import memory
import wire
from clock import CLOCK

# Later imports wrap earlier ones, so idempotency comes last: a repeated request never reaches a refusal.
import accounts
import network
import security_groups
import endpoints
import flow_logs
import launch_templates
import iam
import kms
import logs
import ecr
import secretsmanager
import route53
import s3
import acm
import elbv2
import elbv2_rules
import wafv2
import cloudfront
import rds
import rds_groups
import cloudwatch
import cloudtrail
import config
import guardduty
import elasticache
import elasticache_groups
import dynamodb
import ssm
import eks
import eks_access
import eks_addons
import eks_clusters
import eks_nodes
import sqs
import sns
import events
import awslambda
import event_sources
import tagging
import tokens


class Sandbox:
    """The WSGI application. One request at a time: moto's models are not safe to change from several threads."""

    def __init__(self, options):
        self.options = options
        self.moto = cbor.translated(DomainDispatcherApplication(create_backend_app))
        self.lock = threading.Lock()

    def __call__(self, environ, start_response):
        # The body first, so that a slow client never holds the lock.
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if length:
            environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(length))
        with self.lock:
            CLOCK.run_due()
            if environ["PATH_INFO"].startswith("/platctl/"):
                return self.control(environ, start_response)
            try:
                return [b"".join(self.moto(environ, start_response))]
            except Exception as exception:  # the boundary of the server
                logging.exception("%s %s", environ["REQUEST_METHOD"], environ["PATH_INFO"])
                body = {"__type": "InternalFailure", "message": f"{type(exception).__name__}: {exception}"}
                return reply(start_response, "500 Internal Server Error", body)

    def control(self, environ, start_response):
        match environ["REQUEST_METHOD"], environ["PATH_INFO"]:
            case "GET", "/platctl/health":
                health = {key: self.options[key] for key in ("instance", "version")}
                return reply(start_response, "200 OK", {**health, "speed": CLOCK.speed, "pid": os.getpid()})
            case "POST", "/platctl/reset":
                BackendDict.reset()
                return reply(start_response, "200 OK", {})
            case "POST", "/platctl/advance":
                CLOCK.advance(**json.load(environ["wsgi.input"]))
                return reply(start_response, "200 OK", {})
            case "POST", "/platctl/configure":
                CLOCK.configure(**json.load(environ["wsgi.input"]))
                return reply(start_response, "200 OK", {})
            case "POST", "/platctl/stop":
                # After the reply is on its way.
                threading.Timer(0.05, os._exit, [0]).start()
                return reply(start_response, "200 OK", {})
            case _:
                return reply(start_response, "404 Not Found", {"message": "no such control endpoint"})


class Handler(WSGIRequestHandler):
    """Keeps connections open, as AWS's endpoints do, and logs failures only."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60

    def log_request(self, code="-", size="-"):
        if str(code).startswith("5"):
            super().log_request(code, size)


def reply(start_response, status, body):
    text = json.dumps(body).encode()
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(text)))])
    return [text]


def forget_on_reset():
    """moto's own `/moto-api/reset` clears what the extension remembers, too."""
    reset = BackendDict.reset

    def reset_all():
        CLOCK.reset()
        memory.reset()
        reset()

    BackendDict.reset = reset_all


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        options = json.load(file)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    # moto warns of every code that the service model lacks; AWS has many such.
    warnings.filterwarnings("ignore", message="Exception.*does not match an error shape")
    CLOCK.configure(options["speed"], options["durations"])
    eks.Kubernetes.url = options.get("kubernetes")
    forget_on_reset()
    wire.install()
    server = make_server("127.0.0.1", 0, Sandbox(options), threaded=True, request_handler=Handler)
    server.daemon_threads = True
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
    partial = options["ready"] + ".partial"
    with open(partial, "w", encoding="utf-8") as file:
        json.dump({"pid": os.getpid(), "port": server.server_port}, file)
    os.replace(partial, options["ready"])
    server.serve_forever()


if __name__ == "__main__":
    main()

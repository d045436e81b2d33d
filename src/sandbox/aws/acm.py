"""Restores ACM's validation by DNS: a certificate is issued when its CNAME records really stand in a zone of this server.

Also options, key algorithm and order of names as requested, and the refusal to delete a certificate in use.
"""

import hashlib

from moto.acm.models import CertBundle
from moto.backends import get_backend

import memory
from clock import CLOCK
from wire import fault, operation

KIND = "AWS::CertificateManager::Certificate"
# moto issues a certificate when some time has passed, with no record anywhere.
CertBundle.check = lambda bundle: None


@operation("acm", "RequestCertificate")
def request_certificate(call):
    options = call.get("Options", {})
    call.drop("Options")
    reply = call.proceed()
    arn, domain = reply["CertificateArn"], call.params["DomainName"]
    names = list(dict.fromkeys([domain, *call.get("SubjectAlternativeNames", [])]))
    bundle = call.backend("acm")._certificates[arn]
    bundle.cert_options = {"CertificateTransparencyLoggingPreference": "ENABLED", "Export": "DISABLED", **options}
    method = call.get("ValidationMethod", "EMAIL")
    request = call.table("acm.requests")[arn] = {
        "bundle": bundle,
        "names": names,
        "method": method,
        "algorithm": call.get("KeyAlgorithm", "RSA_2048"),
        "records": {name: _record(call.account, name) for name in names} if method == "DNS" else {},
        "shown": False,
        "found": False,
    }
    # The records are known some seconds after the request.
    CLOCK.after(CLOCK.scaled(5), lambda: request.update(shown=True))
    look_for_records()
    return reply


@operation("acm", "DescribeCertificate")
def describe_certificate(call):
    reply = call.proceed()
    shown, request = reply["Certificate"], call.table("acm.requests").get(call.params["CertificateArn"])
    shown["InUseBy"] = users(call, shown["CertificateArn"])
    if request:
        _show(request, shown)
        status = "SUCCESS" if shown["Status"] == "ISSUED" else "PENDING_VALIDATION"
        shown["DomainValidationOptions"] = [
            {
                "DomainName": name,
                "ValidationDomain": name,
                "ValidationStatus": status,
                "ValidationMethod": request["method"],
                **({"ResourceRecord": request["records"][name]} if request["shown"] and request["records"] else {}),
            }
            for name in request["names"]
        ]
        if shown["Status"] != "ISSUED":
            for member in ("Serial", "NotBefore", "NotAfter", "IssuedAt", "Issuer"):
                shown.pop(member, None)
    return reply


@operation("acm", "ListCertificates")
def list_certificates(call):
    reply = call.proceed()
    for shown in reply["CertificateSummaryList"]:
        request = call.table("acm.requests").get(shown["CertificateArn"])
        shown["InUse"] = bool(users(call, shown["CertificateArn"]))
        if request:
            _show(request, shown)
            shown["SubjectAlternativeNameSummaries"] = request["names"]
    return reply


@operation("acm", "UpdateCertificateOptions")
def update_certificate_options(call):
    bundle = call.backend("acm").get_certificate(call.params["CertificateArn"])
    bundle.cert_options = {**bundle.cert_options, **call.params["Options"]}
    return {}


@operation("acm", "DeleteCertificate")
def delete_certificate(call):
    arn = call.params["CertificateArn"]
    if users(call, arn):
        raise fault("ResourceInUseException", f"Certificate {arn} in account {call.account} is in use.")
    answer = call.forward()
    call.table("acm.requests").pop(arn, None)
    return answer


def users(call, arn):
    """The load balancers with a listener that presents this certificate."""
    return [
        balancer.arn
        for balancer in call.backend("elbv2").load_balancers.values()
        if any(arn in listener.certificates for listener in balancer.listeners.values())
    ]


def look_for_records():
    """Starts the validation of every certificate whose records all stand by now."""
    pending = [
        request
        for requests in memory.tables("acm.requests").values()
        for request in requests.values()
        if request["bundle"].status == "PENDING_VALIDATION" and request["records"] and not request["found"]
    ]
    standing = _standing() if pending else set()
    for request in pending:
        if _stands(request, standing):
            request["found"] = True
            CLOCK.after(CLOCK.typical(KIND, "create"), lambda request=request: _issue(request))


def _issue(request):
    if _stands(request, _standing()):
        request["bundle"].status = "ISSUED"
    else:
        request["found"] = False


def _stands(request, standing):
    return all((record["Name"], record["Value"]) in standing for record in request["records"].values())


def _standing():
    """Every CNAME of every public zone of this server."""
    return {
        (record.name.lower().rstrip(".") + ".", value.lower().rstrip(".") + ".")
        for account in get_backend("route53").values()
        for zone in account["aws"].zones.values()
        if not zone.private_zone
        for record in zone.rrsets
        if record.type == "CNAME"
        for value in record.records or []
    }


def _record(account, name):
    """The same record for every certificate of an account and a domain; a wildcard shares that of its domain."""
    domain = name.removeprefix("*.").lower()
    digest = hashlib.sha256(f"{account} {domain}".encode()).hexdigest()
    return {
        "Name": f"_{digest[:32]}.{domain}.",
        "Type": "CNAME",
        "Value": f"_{digest[32:]}.xlfgrmvvlj.acm-validations.aws.",
    }


def _show(request, shown):
    shown["SubjectAlternativeNames"] = request["names"]
    shown["KeyAlgorithm"] = request["algorithm"]
    shown["Status"] = request["bundle"].status

"""Restores Route 53's care: caller references, change batches that apply as a whole or not at all, aliases without TTL."""

from moto.route53 import urls
from moto.route53.responses import Route53

import acm
from wire import fault, now, operation

# moto routes only the operations that it has; the others are web pages with status 404.
urls.url_paths = {"{0}/.*": Route53.dispatch}


@operation("route53", "CreateHostedZone")
def create_hosted_zone(call):
    """A caller reference makes one zone, for ever."""
    used, reference = call.table("route53.references", "aws"), call.params["CallerReference"]
    if reference in used:
        raise fault("HostedZoneAlreadyExists", "A hosted zone has already been created with the specified caller "
                    "reference.")
    answer = call.forward()
    used[reference] = True
    return answer


@operation("route53", "CreateHealthCheck")
def create_health_check(call):
    """The same reference and settings answer the health check that exists."""
    known, reference = call.table("route53.healthchecks", "aws"), call.params["CallerReference"]
    if reference in known:
        settings, identity = known[reference]
        check = call.backend("route53").health_checks.get(identity)
        if check is None or settings != call.params["HealthCheckConfig"]:
            raise fault("HealthCheckAlreadyExists", "A health check with the same caller reference exists, with other "
                        "settings.")
        return call.show({"HealthCheck": check})
    reply = call.proceed()
    known[reference] = call.params["HealthCheckConfig"], reply["HealthCheck"]["Id"]
    return reply


@operation("route53", "UpdateHealthCheck")
def update_health_check(call):
    """Resets what the request names, and counts the version."""
    answer = call.forward()
    check = call.backend("route53").health_checks[call.params["HealthCheckId"]]
    check.health_check_version += 1
    for name in call.get("ResetElements", []):
        attribute = {"FullyQualifiedDomainName": "fqdn", "ResourcePath": "resource_path", "Regions": "regions",
                     "ChildHealthChecks": "children"}[name]
        setattr(check, attribute, None)
    return answer


@operation("route53", "DeleteHealthCheck")
def delete_health_check(call):
    if call.params["HealthCheckId"] not in call.backend("route53").health_checks:
        raise fault(
            "NoSuchHealthCheck", f"No health check exists with the specified ID {call.params['HealthCheckId']}."
        )
    return call.forward()


@operation("route53", "ChangeResourceRecordSets")
def change_resource_record_sets(call):
    """Checks the whole batch before moto applies any of it."""
    zone = call.backend("route53").get_hosted_zone(call.params["HostedZoneId"])
    records = {_identity(shown): shown for shown in _records(call, zone)}
    problems = []
    for change in call.params["ChangeBatch"]["Changes"]:
        wanted = {**change["ResourceRecordSet"], "Name": _name(change["ResourceRecordSet"]["Name"])}
        change["ResourceRecordSet"]["Name"] = wanted["Name"]
        identity, named = _identity(wanted), f"[name='{wanted['Name']}', type='{wanted['Type']}']"
        if not f".{wanted['Name']}".endswith(f".{_name(zone.name)}"):
            problems.append(f"RRSet with DNS name {wanted['Name']} is not permitted in zone {zone.name}")
        elif change["Action"] == "CREATE" and identity in records:
            problems.append(f"Tried to create resource record set {named} but it already exists")
        elif change["Action"] == "DELETE" and identity not in records:
            problems.append(f"Tried to delete resource record set {named} but it was not found")
        elif change["Action"] == "DELETE" and not _same(records[identity], wanted):
            problems.append(f"Tried to delete resource record set {named} but the values provided do not match the "
                            "current values")
        elif change["Action"] != "DELETE" and _clashes(records, wanted):
            problems.append(f"RRSet of type {wanted['Type']} with DNS name {wanted['Name']} is not permitted as it "
                            "conflicts with other records with the same DNS name")
        if change["Action"] == "DELETE":
            records.pop(identity, None)
        else:
            records[identity] = wanted
    if problems:
        raise fault("InvalidChangeBatch", f"[{', '.join(problems)}]")
    for change in call.params["ChangeBatch"]["Changes"]:
        wanted = change["ResourceRecordSet"]
        if "ResourceRecords" in wanted:
            wanted["ResourceRecords"] = [record["Value"] for record in wanted["ResourceRecords"]]
        if change["Action"] == "DELETE":
            zone.rrsets = [held for held in zone.rrsets if _held_identity(held) != _identity(wanted)]
        else:
            zone.upsert_rrset(wanted)
    acm.look_for_records()
    return {"ChangeInfo": {"Id": "/change/C2682N5HXP0BZ4", "Status": "INSYNC", "SubmittedAt": now()}}


@operation("route53", "ListResourceRecordSets")
def list_resource_record_sets(call):
    reply = call.proceed()
    for shown in reply.get("ResourceRecordSets", []):
        if "AliasTarget" in shown:
            shown.pop("TTL", None)
            shown.pop("ResourceRecords", None)
    return reply


def _records(call, zone):
    shown = call.show(
        {"ResourceRecordSets": zone.rrsets, "IsTruncated": False, "MaxItems": 300}, "ListResourceRecordSets"
    )
    return shown["ResourceRecordSets"]


def _name(name):
    """As Route 53 keeps it: lower case, with the final dot, the wildcard as an octal escape."""
    return name.lower().rstrip(".").replace("*", "\\052") + "."


def _identity(record):
    return _name(record["Name"]), record["Type"], record.get("SetIdentifier")


def _held_identity(held):
    return _name(held.name), held.type, held.set_identifier


def _same(held, wanted):
    if "AliasTarget" in wanted or "AliasTarget" in held:
        target = lambda record: {
            key: _name(value) if key == "DNSName" else value for key, value in record.get("AliasTarget", {}).items()
        }
        return target(held) == target(wanted)
    values = lambda record: sorted(value["Value"] for value in record.get("ResourceRecords", []))
    return int(held.get("TTL", 0)) == int(wanted.get("TTL", 0)) and values(held) == values(wanted)


def _clashes(records, wanted):
    """A CNAME is alone at its name."""
    return any(name == wanted["Name"] and (kind == "CNAME") != (wanted["Type"] == "CNAME") for name, kind, _ in records)

"""Restores load balancers: provisioning, interfaces in their subnets, deletion protection, references that must exist.

Creations are idempotent for equal settings, as the Elastic Load Balancing API reference says of each.
"""

from moto.ec2.utils import random_public_ip
from moto.elbv2.models import FakeLoadBalancer

import interfaces
import references
from clock import CLOCK
from wire import fault, operation

KIND = "AWS::ElasticLoadBalancingV2::LoadBalancer"
# The hosted zone that alias records to a load balancer of a region name.
HOSTED_ZONES = {
    "ap-northeast-1": "Z14GRHDCWA56QT",
    "ap-south-1": "ZP97RAFLXTNZK",
    "ap-southeast-1": "Z1LMS91P8CMLE5",
    "ap-southeast-2": "Z1GM3OXH4ZPM65",
    "ca-central-1": "ZQSVJUPU6J1EY",
    "eu-central-1": "Z215JYRZR1TBD5",
    "eu-north-1": "Z23TAZ6LKFMNIO",
    "eu-west-1": "Z32O12XQLNTSW2",
    "eu-west-2": "ZHURV8PSTC4K8",
    "eu-west-3": "Z3Q77PNBQS71R4",
    "sa-east-1": "Z2P70J7HTTTPLU",
    "us-east-1": "Z35SXDOTRQ7X7K",
    "us-east-2": "Z3AADJGX6KTTL2",
    "us-west-1": "Z368ELLRRE2KJ0",
    "us-west-2": "Z1H1FL5HABSF5",
}
ATTRIBUTES = {
    "access_logs.s3.bucket": "",
    "access_logs.s3.enabled": "false",
    "access_logs.s3.prefix": "",
    "client_keep_alive.seconds": "3600",
    "connection_logs.s3.bucket": "",
    "connection_logs.s3.enabled": "false",
    "connection_logs.s3.prefix": "",
    "deletion_protection.enabled": "false",
    "idle_timeout.timeout_seconds": "60",
    "ipv6.deny_all_igw_traffic": "false",
    "load_balancing.cross_zone.enabled": "true",
    "routing.http.desync_mitigation_mode": "defensive",
    "routing.http.drop_invalid_header_fields.enabled": "false",
    "routing.http.preserve_host_header.enabled": "false",
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
    "routing.http.xff_client_port.enabled": "false",
    "routing.http.xff_header_processing.mode": "append",
    "routing.http2.enabled": "true",
    "waf.fail_open.enabled": "false",
    "zonal_shift.config.enabled": "false",
}
# moto makes a balancer active when somebody looks at it.
FakeLoadBalancer.activate = lambda balancer: None


# Load balancers


@operation("elbv2", "CreateLoadBalancer")
def create_load_balancer(call):
    backend, kind = call.backend("elbv2"), call.get("Type", "application")
    ids = call.get("Subnets") or [mapping["SubnetId"] for mapping in call.get("SubnetMappings", [])]
    scheme = call.get("Scheme", "internet-facing")
    subnets = _subnets(call, ids, kind)
    vpc_id = subnets[0].vpc_id
    groups = _groups(call, call.get("SecurityGroups", []), vpc_id)
    gateways = call.backend("ec2").internet_gateways.values()
    if scheme == "internet-facing" and not any(igw.vpc and igw.vpc.id == vpc_id for igw in gateways):
        raise fault("InvalidSubnet", f"VPC {vpc_id} has no internet gateway")
    if kind == "application" and not groups:
        groups = [call.backend("ec2").get_default_security_group(vpc_id).id]
    settings = scheme, kind, sorted(ids), sorted(groups), call.get("IpAddressType", "ipv4")
    for balancer in backend.load_balancers.values():
        if balancer.name == call.params["Name"]:
            if balancer.settings != settings:
                raise fault("DuplicateLoadBalancerName", f"A load balancer with the same name '{balancer.name}' exists, "
                            "but with different settings")
            return call.show({"LoadBalancers": [balancer]})
    call.set("Scheme", scheme)
    call.set("SecurityGroups", groups)
    call.forward()
    balancer = next(known for known in backend.load_balancers.values() if known.name == call.params["Name"])
    balancer.settings = settings
    balancer.attrs = dict(ATTRIBUTES) if kind == "application" else {**balancer.attrs}
    balancer.canonical_hosted_zone_id = HOSTED_ZONES.get(call.region, HOSTED_ZONES["us-east-1"])
    suffix = balancer.arn.rsplit("/", 1)[-1]
    internal = "internal-" if scheme == "internal" else ""
    balancer.dns_name = f"{internal}{balancer.name}-{int(suffix[:8], 16)}.{call.region}.elb.amazonaws.com"
    _attach(call, balancer)
    CLOCK.after(CLOCK.typical(KIND, "create"), lambda: setattr(balancer, "state", "active"))
    return call.show({"LoadBalancers": [balancer]})


@operation("elbv2", "DeleteLoadBalancer")
def delete_load_balancer(call):
    """Its interfaces, and so its subnets and security groups, stay occupied for a while."""
    balancer = call.backend("elbv2").load_balancers.get(call.params["LoadBalancerArn"])
    if balancer and balancer.attrs.get("deletion_protection.enabled") == "true":
        raise fault("OperationNotPermitted", f"Load balancer '{balancer.arn}' cannot be deleted because deletion "
                    "protection is enabled")
    answer = call.forward()
    if balancer:
        for acl in call.backend("wafv2").wacls.values():
            acl.associated_resources = [arn for arn in acl.associated_resources if arn != balancer.arn]
        for group in call.backend("elbv2").target_groups.values():
            group.load_balancer_arns = [arn for arn in group.load_balancer_arns if arn != balancer.arn]
        CLOCK.after(CLOCK.typical(KIND, "delete"), lambda: interfaces.release(call, balancer.arn))
    return answer


@operation("elbv2", "SetSecurityGroups")
def set_security_groups(call):
    balancer = _balancer(call)
    groups = _groups(call, call.params["SecurityGroups"], balancer.vpc_id)
    answer = call.forward()
    interfaces.regroup(call, balancer.arn, groups)
    balancer.settings = (*balancer.settings[:3], sorted(groups), balancer.settings[4])
    return answer


@operation("elbv2", "SetSubnets")
def set_subnets(call):
    balancer = _balancer(call)
    ids = call.get("Subnets") or [mapping["SubnetId"] for mapping in call.get("SubnetMappings", [])]
    _subnets(call, ids, balancer.type)
    answer = call.forward()
    interfaces.release(call, balancer.arn)
    _attach(call, balancer)
    balancer.settings = (*balancer.settings[:2], sorted(ids), *balancer.settings[3:])
    return answer


def _balancer(call):
    balancer = call.backend("elbv2").load_balancers.get(call.params["LoadBalancerArn"])
    if balancer is None:
        raise fault("LoadBalancerNotFound", f"Load balancer '{call.params['LoadBalancerArn']}' not found")
    return balancer


def _subnets(call, ids, kind):
    subnets = references.subnets(
        call, ids, lambda subnet: fault("SubnetNotFound", f"The subnet ID '{subnet}' does not exist")
    )
    zones = [subnet.availability_zone for subnet in subnets]
    if not subnets or (kind == "application" and len(set(zones)) < 2):
        raise fault("ValidationError", "At least two subnets in two different Availability Zones must be specified")
    if len(set(zones)) != len(zones):
        raise fault("InvalidConfigurationRequest", "A load balancer cannot be attached to multiple subnets in the same "
                    "Availability Zone")
    return subnets


def _groups(call, ids, vpc_id):
    error = lambda group: fault("InvalidSecurityGroup", "One or more security groups are invalid")
    for group in references.security_groups(call, ids, error):
        if group.vpc_id != vpc_id:
            raise error(group.id)
    return ids


def _attach(call, balancer):
    name = balancer.arn.split(":loadbalancer/")[-1]
    for subnet in balancer.subnets:
        interface = interfaces.attach(call, balancer.arn, subnet, balancer.security_groups, f"ELB {name}")
        if balancer.scheme == "internet-facing":
            interface.public_ip = random_public_ip()


# Target groups


@operation("elbv2", "CreateTargetGroup")
def create_target_group(call):
    """The same settings again answer the group that exists."""
    settings = {key: value for key, value in call.params.items() if key != "Tags"}
    if call.get("VpcId") and call.params["VpcId"] not in call.backend("ec2").vpcs:
        raise fault("ValidationError", f"The VPC ID '{call.params['VpcId']}' is not found")
    for group in call.backend("elbv2").target_groups.values():
        if group.name == call.params["Name"] and getattr(group, "settings", None) == settings:
            return call.show({"TargetGroups": [group]})
    answer = call.forward()
    group = next(g for g in call.backend("elbv2").target_groups.values() if g.name == call.params["Name"])
    group.settings = settings
    return answer


@operation("elbv2", "ModifyTargetGroup")
def modify_target_group(call):
    """It is no longer what it was created as."""
    answer = call.forward()
    call.backend("elbv2").target_groups[call.params["TargetGroupArn"]].settings = None
    return answer


# Listeners


@operation("elbv2", "CreateListener")
def create_listener(call):
    balancer, port = _balancer(call), call.get("Port")
    _check_listener(call, call.get("Protocol"), call.get("Certificates", []))
    settings = {key: value for key, value in call.params.items() if key != "Tags"}
    for listener in balancer.listeners.values():
        if str(listener.port) == str(port):
            if getattr(listener, "settings", None) == settings:
                return call.show({"Listeners": [listener]})
            raise fault("DuplicateListener", "A listener already exists on this port for this load balancer "
                        f"'{balancer.arn}'")
    reply = call.proceed()
    for shown in reply["Listeners"]:
        balancer.listeners[shown["ListenerArn"]].settings = settings
        _complete(shown)
    return reply


@operation("elbv2", "ModifyListener")
def modify_listener(call):
    _check_listener(call, call.get("Protocol"), call.get("Certificates", []), modify=True)
    reply = call.proceed()
    for shown in reply["Listeners"]:
        balancer = call.backend("elbv2").load_balancers[shown["LoadBalancerArn"]]
        balancer.listeners[shown["ListenerArn"]].settings = None
        _complete(shown)
    return reply


@operation("elbv2", "DescribeListeners")
def describe_listeners(call):
    reply = call.proceed()
    for shown in reply.get("Listeners", []):
        _complete(shown)
    return reply


def _check_listener(call, protocol, certificates, modify=False):
    if protocol in ("HTTPS", "TLS") and not certificates and not modify:
        raise fault("ValidationError", "A certificate must be specified for HTTPS listeners")
    for certificate in certificates:
        arn = certificate["CertificateArn"]
        if ":acm:" in arn:
            bundle = call.backend("acm")._certificates.get(arn)
            if bundle is None:
                raise fault("CertificateNotFound", f"Certificate '{arn}' not found")
            if bundle.status != "ISSUED":
                raise fault("UnsupportedCertificate", f"The certificate '{arn}' must have a fully-qualified domain "
                            "name, a supported signature, and a supported key size.")


def _complete(shown):
    """Only listeners with TLS have a policy for it."""
    if shown.get("Protocol") not in ("HTTPS", "TLS"):
        shown.pop("SslPolicy", None)

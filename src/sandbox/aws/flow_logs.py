"""Restores flow logs: the options of their destinations, folders of buckets, log groups by ARN."""

from moto.ec2.models.flow_logs import FlowLogs

from wire import operation

FlowLogs.destination_options = None
FlowLogs.deliver_cross_account_role = None


@operation("ec2", "CreateFlowLogs")
def create_flow_logs(call):
    """What is refused of single resources stands in the answer, which is a success."""
    destination, kind = call.get("LogDestination"), call.get("LogDestinationType", "cloud-watch-logs")
    if destination and kind == "s3":
        # moto takes a folder for a part of the bucket's name.
        call.set("LogDestination", destination.split("/")[0])
    elif destination and kind == "cloud-watch-logs":
        call.set("LogGroupName", destination.split(":log-group:")[-1].removesuffix(":*"))
    reply = call.proceed()
    for flow_log_id in reply.get("FlowLogIds", []):
        log = call.backend("ec2").flow_logs[flow_log_id]
        log.log_destination = destination
        log.deliver_cross_account_role = call.get("DeliverCrossAccountRole")
        if kind == "s3":
            options = {"FileFormat": "plain-text", "HiveCompatiblePartitions": False, "PerHourPartition": False}
            log.destination_options = {**options, **call.get("DestinationOptions", {})}
    return reply

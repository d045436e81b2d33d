"""Restores DynamoDB tables: pending states, one change at a time, what moto loses or does not refuse.

As the DynamoDB API reference documents them; items, backups and streams stay as moto has them.
"""

import uuid

from moto.dynamodb.models.table import GlobalSecondaryIndex, Table

import references
from clock import CLOCK
from wire import fault, operation, tag_list, tag_map

KIND = "AWS::DynamoDB::Table"
# A change of the expiry takes up to an hour, and another one within it is refused.
EXPIRY_SECONDS = 3600
WORDS = {"CREATING": "created", "UPDATING": "updated", "DELETING": "deleted"}


# Attributes that moto's models lack.
Table.status = "ACTIVE"
Table.table_id = None
Table.table_class = "STANDARD"
Table.on_demand = None
Table.expiry_is_fresh = False
GlobalSecondaryIndex.on_demand = None


def _describe_table(table, base_key="TableDescription", of_moto=Table.describe):
    shown = of_moto(table, base_key)
    more = {
        "TableStatus": table.status,
        "TableId": table.table_id,
        "TableClassSummary": {"TableClass": table.table_class},
        "OnDemandThroughput": table.on_demand,
    }
    shown[base_key].update({name: part for name, part in more.items() if part is not None})
    return shown


def _describe_index(index, of_moto=GlobalSecondaryIndex.describe):
    shown = of_moto(index)
    return {**shown, "OnDemandThroughput": index.on_demand} if index.on_demand else shown


Table.describe = _describe_table
GlobalSecondaryIndex.describe = _describe_index


@operation("dynamodb", "CreateTable")
def create_table(call):
    """`CREATING` for its typical time, and its indexes with it."""
    name, provisioned = call.params["TableName"], call.get("BillingMode", "PROVISIONED") == "PROVISIONED"
    if name in call.backend("dynamodb").tables:
        raise in_use(f"Table already exists: {name}")
    for index in call.get("GlobalSecondaryIndexes", []):
        _check_capacity(provisioned, index)
    _check_key(call)
    call.proceed()
    table = call.backend("dynamodb").tables[name]
    table.table_id = str(uuid.uuid4())
    table.table_class = call.get("TableClass", "STANDARD")
    table.on_demand = call.get("OnDemandThroughput")
    wanted = {index["IndexName"]: index for index in call.get("GlobalSecondaryIndexes", [])}
    for index in table.global_indexes:
        index.status = "CREATING"
        index.on_demand = wanted[index.name].get("OnDemandThroughput")
    if call.get("SSESpecification") is not None:
        _encrypt(table, call.params["SSESpecification"])

    def active():
        for index in table.global_indexes:
            index.status = "ACTIVE"

    _begin(table, "CREATING", "create", active)
    return call.show(table.describe())


@operation("dynamodb", "UpdateTable")
def update_table(call):
    """`UPDATING` for its typical time; of indexes and capacity it takes one change a call."""
    table = _steady(call)
    changes = call.get("GlobalSecondaryIndexUpdates", [])
    made = [change["Create"] for change in changes if "Create" in change]
    dropped = [change["Delete"]["IndexName"] for change in changes if "Delete" in change]
    updated = [change["Update"] for change in changes if "Update" in change]
    by_name = {index.name: index for index in table.global_indexes}
    busy = [index for index in table.global_indexes if index.status in ("CREATING", "DELETING")]
    if len(made) + len(dropped) > 1 or (busy and (made or dropped)):
        raise fault("LimitExceededException", "Subscriber limit exceeded: Only 1 online index can be created or deleted "
                    "simultaneously per table")
    capacity = updated or call.get("BillingMode") or call.get("ProvisionedThroughput")
    if capacity and (made or dropped):
        raise invalid("Only one of a change of the throughput and the creation or deletion of an index is possible at once.")
    for wanted in [*dropped, *(update["IndexName"] for update in updated)]:
        if wanted not in by_name:
            raise fault("ResourceNotFoundException", f"Requested resource not found: index {wanted}")
    mode = call.get("BillingMode", table.billing_mode)
    _check_billing(call, table, mode, updated)
    for index in made:
        _check_index(call, table, index, by_name, mode == "PROVISIONED")
    _check_stream(call, table)
    _check_key(call)
    call.set("GlobalSecondaryIndexUpdates", [change for change in changes if "Delete" not in change])
    call.proceed()
    if call.get("TableClass"):
        table.table_class = call.params["TableClass"]
    if call.get("OnDemandThroughput"):
        table.on_demand = call.params["OnDemandThroughput"]
    if call.get("SSESpecification") is not None:
        _encrypt(table, call.params["SSESpecification"])
    if mode == "PAY_PER_REQUEST":
        for sized in (table, *table.global_indexes):
            sized.throughput = {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0}
    fresh = {index.name: index for index in table.global_indexes}
    for change in (*made, *updated):
        if change.get("OnDemandThroughput"):
            fresh[change["IndexName"]].on_demand = change["OnDemandThroughput"]
    for index in made:
        _begin_index(fresh[index["IndexName"]], "CREATING")
    for name in dropped:
        _begin_index(by_name[name], "DELETING", lambda gone=by_name[name]: _drop(table, gone))
    # A table is changed long before its new index is filled.
    _begin(table, "UPDATING", "update", share=0.3 if made or dropped else 1)
    return call.show(table.describe())


@operation("dynamodb", "DeleteTable")
def delete_table(call):
    table = _steady(call)
    if table.deletion_protection_enabled:
        return call.forward()
    table.status = "DELETING"
    tables = call.backend("dynamodb").tables
    CLOCK.after(CLOCK.typical(KIND, "delete"), lambda: tables.pop(table.name, None))
    return call.show(table.describe())


@operation("dynamodb", "UpdateTimeToLive")
def update_time_to_live(call):
    """`ENABLING` or `DISABLING` for up to an hour, in which no other change is taken."""
    table, wanted = _steady(call), call.params["TimeToLiveSpecification"]
    on, attribute = table.ttl["TimeToLiveStatus"] in ("ENABLED", "ENABLING"), table.ttl.get("AttributeName")
    if wanted["Enabled"] == on:
        raise invalid(f"TimeToLive is already {'enabled' if on else 'disabled'}")
    if on and attribute != wanted["AttributeName"]:
        raise invalid(f"TimeToLive is active on a different AttributeName: current AttributeName is {attribute}")
    if table.expiry_is_fresh:
        raise invalid("Time to live has been modified multiple times within a fixed interval")
    table.ttl = {
        "TimeToLiveStatus": "ENABLING" if wanted["Enabled"] else "DISABLING", "AttributeName": wanted["AttributeName"]
    }
    table.expiry_is_fresh = True

    def done():
        table.expiry_is_fresh = False
        table.ttl["TimeToLiveStatus"] = "ENABLED" if wanted["Enabled"] else "DISABLED"
        if not wanted["Enabled"]:
            del table.ttl["AttributeName"]

    CLOCK.after(CLOCK.scaled(EXPIRY_SECONDS), done)
    return {"TimeToLiveSpecification": wanted}


@operation("dynamodb", "DescribeTimeToLive")
def describe_time_to_live(call):
    return {"TimeToLiveDescription": dict(_table(call).ttl)}


@operation("dynamodb", "UpdateContinuousBackups")
def update_continuous_backups(call):
    if _table(call).status == "CREATING":
        raise fault("ContinuousBackupsUnavailableException", "Backups are being enabled for the table: "
                    f"{call.params['TableName']}. Please retry later")
    return call.forward()


@operation("dynamodb", "DescribeContinuousBackups", "CreateBackup")
def of_a_whole_table(call):
    """A table that is being created or deleted has no backups."""
    table = _table(call)
    if table.status in ("CREATING", "DELETING"):
        code = "TableInUseException" if call.name == "CreateBackup" else "TableNotFoundException"
        raise fault(code, f"Table is being {WORDS[table.status]}: {table.name}")
    return call.forward()


@operation("dynamodb", "TagResource")
def tag_resource(call):
    """A tag replaces the one with its key; moto adds a second one."""
    table = _by_arn(call)
    table.tags = tag_list({**tag_map(table.tags), **tag_map(call.params["Tags"])})
    return {}


@operation("dynamodb", "UntagResource")
def untag_resource(call):
    table = _by_arn(call)
    table.tags = [tag for tag in table.tags if tag["Key"] not in call.params["TagKeys"]]
    return {}


def in_use(message):
    return fault("ResourceInUseException", message)


def invalid(message):
    return fault("ValidationException", f"One or more parameter values were invalid: {message}")


def _table(call):
    return call.backend("dynamodb").get_table(call.params["TableName"])


def _by_arn(call):
    arn = call.params["ResourceArn"]
    for table in call.backend("dynamodb").tables.values():
        if table.table_arn == arn:
            return table
    raise fault("ResourceNotFoundException", f"Requested resource not found: ResourceArn: {arn} not found")


def _steady(call):
    table = _table(call)
    if table.status != "ACTIVE":
        raise in_use(f"Attempt to change a resource which is still in use: Table is being {WORDS[table.status]}: "
                     f"{table.name}")
    return table


def _begin(table, status, phase, done=None, share=1):
    table.status = status

    def active():
        if table.status == status:
            table.status = "ACTIVE"
            if done:
                done()

    CLOCK.after(CLOCK.typical(KIND, phase) * share, active)


def _begin_index(index, status, done=None):
    index.status = status

    def ended():
        index.status = "ACTIVE"
        if done:
            done()

    CLOCK.after(CLOCK.typical(KIND, "update"), ended)


def _drop(table, index):
    """An index goes, and with it the definitions that nothing else uses."""
    table.global_indexes = [one for one in table.global_indexes if one.name != index.name]
    used = set(table.attribute_keys)
    table.attr = [definition for definition in table.attr if definition["AttributeName"] in used]


def _encrypt(table, wanted):
    """Another key, AWS's own one without a name, or none but DynamoDB's."""
    table.sse_specification = None
    if wanted.get("Enabled"):
        key = wanted.get("KMSMasterKeyId") or table._get_default_encryption_key(table.account_id, table.region_name)
        table.sse_specification = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}


def _check_key(call):
    """Takes the ARN of the key for whatever names it."""
    wanted = call.get("SSESpecification") or {}
    key = wanted.get("KMSMasterKeyId")
    if key:
        found = references.key(call, key, fault("ValidationException", f"KMS validation error: key {key} does not exist "
                                                "or is disabled"))
        wanted["KMSMasterKeyId"] = found.arn if found else key


def _check_capacity(provisioned, index):
    units = index.get("ProvisionedThroughput")
    if provisioned and not units:
        raise invalid(f"ProvisionedThroughput must be specified for index: {index['IndexName']}")
    if not provisioned and units:
        raise invalid(f"ProvisionedThroughput should not be specified for index: {index['IndexName']} when BillingMode is "
                      "PAY_PER_REQUEST")


def _check_billing(call, table, mode, updated):
    units = call.get("ProvisionedThroughput")
    if mode == "PAY_PER_REQUEST" and units:
        raise invalid("Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
    if mode == "PROVISIONED" and table.billing_mode != "PROVISIONED":
        sized = {update["IndexName"] for update in updated if update.get("ProvisionedThroughput")}
        missing = [index.name for index in table.global_indexes if index.name not in sized]
        if not units or missing:
            raise invalid("ProvisionedThroughput must be specified for the table and all of its indexes when BillingMode "
                          f"becomes PROVISIONED: {missing}")


def _check_index(call, table, index, by_name, provisioned):
    name = index["IndexName"]
    if name in by_name:
        raise invalid(f"Attempting to create an index which already exists: {name}")
    _check_capacity(provisioned, index)
    defined = {definition["AttributeName"] for definition in call.get("AttributeDefinitions", [])}
    keys = {key["AttributeName"] for key in index["KeySchema"]}
    if not keys <= defined:
        raise invalid(f"Some index key attributes are not defined in AttributeDefinitions: {sorted(keys - defined)}")
    unused = defined - keys - set(table.attribute_keys)
    if unused:
        raise invalid(f"Some AttributeDefinitions are not used: {sorted(unused)}")


def _check_stream(call, table):
    wanted = call.get("StreamSpecification")
    if wanted is None:
        return
    on = bool(table.stream_specification and table.stream_specification.get("StreamEnabled"))
    if wanted["StreamEnabled"] == on:
        raise invalid(f"Table already has {'an enabled' if on else 'a disabled'} stream: {table.name}")
    # moto takes the label of the stream that was for one that is.
    table.latest_stream_label = None

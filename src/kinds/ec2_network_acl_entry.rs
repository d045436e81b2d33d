//! `AWS::EC2::NetworkAclEntry`

use aws_sdk_ec2::types::{self, IcmpTypeCode, RuleAction};
use serde::{Deserialize, Serialize};

use super::ec2::{self, Cidr};
use super::scalar::Number;
use crate::address::PhysicalId;
use crate::cloud::Cx;
use crate::fault::Fault;
use crate::kind::{
    DeletionPolicy, Field, Kind, Lookup, Output, Outputs, Readiness, Tagging, Token, Typical,
    Update, outputs,
};

pub struct NetworkAclEntry;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Spec {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cidr_block: Option<Cidr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    egress: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    icmp: Option<Icmp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ipv6_cidr_block: Option<Cidr>,
    network_acl_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    port_range: Option<PortRange>,
    protocol: Number,
    rule_action: String,
    rule_number: Number,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Icmp {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    code: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    r#type: Option<Number>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PortRange {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    from: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to: Option<Number>,
}

/// An entry and the network ACL that it is in.
#[derive(Debug)]
pub struct Live {
    network_acl_id: String,
    entry: types::NetworkAclEntry,
}

impl Kind for NetworkAclEntry {
    type Spec = Spec;
    type Live = Live;

    const NAME: &'static str = "AWS::EC2::NetworkAclEntry";
    const DOC: &'static str = "A numbered rule of a network ACL: allows or denies what comes in, or what goes out. \
        The lowest number that matches decides. \
        Works at once. Nothing blocks its deletion.";
    const FIELDS: &'static [Field] = &[
        Field::updates("CidrBlock", "The IPv4 range that the traffic comes from or goes to."),
        Field::replaces("Egress", "Whether it is about what goes out; `false` by default."),
        Field::updates("Icmp", "For ICMP: `Type` and `Code`; -1 for all."),
        Field::updates("Ipv6CidrBlock", "The IPv6 range that the traffic comes from or goes to."),
        Field::replaces("NetworkAclId", "The network ACL."),
        Field::updates("PortRange", "For TCP and UDP: the ports, `From` and `To`."),
        Field::updates("Protocol", "The protocol's number: 6 for TCP, 17 for UDP, -1 for all."),
        Field::updates("RuleAction", "`allow` or `deny`."),
        Field::replaces("RuleNumber", "1 to 32766; the entries are tried in this order."),
    ];
    const OUTPUTS: &'static [Output] =
        &[Output::with_id("Id", "The natural key: network ACL, direction and number.")];
    const TAGGING: Tagging = Tagging::None;
    const TYPICAL: Typical = Typical::seconds(1, 1, 1);

    fn id(live: &Live) -> PhysicalId {
        key(&Self::spec(live))
    }

    fn spec(live: &Live) -> Spec {
        let entry = &live.entry;
        // The API writes numbers as texts here; everything is -1.
        let protocol = entry.protocol().and_then(|number| number.parse().ok()).unwrap_or(-1);
        Spec {
            cidr_block: Cidr::read(entry.cidr_block()),
            egress: entry.egress,
            icmp: entry
                .icmp_type_code()
                .map(|icmp| Icmp { code: icmp.code.map(Number), r#type: icmp.r#type.map(Number) }),
            ipv6_cidr_block: Cidr::read(entry.ipv6_cidr_block()),
            network_acl_id: live.network_acl_id.clone(),
            port_range: entry
                .port_range()
                .map(|ports| PortRange { from: ports.from.map(Number), to: ports.to.map(Number) }),
            protocol: Number(protocol),
            rule_action: entry.rule_action().map_or("", |action| action.as_str()).into(),
            rule_number: Number(entry.rule_number.unwrap_or_default()),
        }
    }

    fn outputs(live: &Live) -> Outputs {
        outputs([("Id", Some(Self::id(live).as_str()))])
    }

    fn readiness(_: &Live) -> Readiness {
        Readiness::Ready
    }

    fn natural_id(spec: &Spec) -> Option<PhysicalId> {
        Some(key(spec))
    }

    async fn read(cx: &Cx, wanted: &[Lookup]) -> Result<Vec<Live>, Fault> {
        let filter = ec2::key_filter("network-acl-id", wanted);
        let acls = ec2::network_acls(cx, vec![filter]).await?;
        let entries = acls.into_iter().flat_map(|acl| {
            let network_acl_id = acl.network_acl_id.unwrap_or_default();
            let entries = acl.entries.unwrap_or_default().into_iter();
            entries.map(move |entry| Live { network_acl_id: network_acl_id.clone(), entry })
        });
        Ok(entries.collect())
    }

    async fn create(cx: &Cx, spec: &Spec, _: &Token) -> Result<PhysicalId, Fault> {
        cx.ec2
            .create_network_acl_entry()
            .network_acl_id(&spec.network_acl_id)
            .rule_number(spec.rule_number.0)
            .egress(spec.egress.unwrap_or_default())
            .protocol(spec.protocol.0.to_string())
            .rule_action(RuleAction::from(spec.rule_action.as_str()))
            .set_cidr_block(Cidr::send(spec.cidr_block.as_ref()))
            .set_ipv6_cidr_block(Cidr::send(spec.ipv6_cidr_block.as_ref()))
            .set_icmp_type_code(spec.icmp.map(Into::into))
            .set_port_range(spec.port_range.map(Into::into))
            .send()
            .await?;
        Ok(key(spec))
    }

    /// The one call replaces all that the entry says.
    async fn update(cx: &Cx, _: &PhysicalId, update: Update<'_, Spec>) -> Result<(), Fault> {
        let to = update.to;
        cx.ec2
            .replace_network_acl_entry()
            .network_acl_id(&to.network_acl_id)
            .rule_number(to.rule_number.0)
            .egress(to.egress.unwrap_or_default())
            .protocol(to.protocol.0.to_string())
            .rule_action(RuleAction::from(to.rule_action.as_str()))
            .set_cidr_block(Cidr::send(to.cidr_block.as_ref()))
            .set_ipv6_cidr_block(Cidr::send(to.ipv6_cidr_block.as_ref()))
            .set_icmp_type_code(to.icmp.map(Into::into))
            .set_port_range(to.port_range.map(Into::into))
            .send()
            .await?;
        Ok(())
    }

    async fn delete(
        cx: &Cx,
        _: &PhysicalId,
        recorded: &Spec,
        _: DeletionPolicy,
    ) -> Result<(), Fault> {
        let deletion = cx
            .ec2
            .delete_network_acl_entry()
            .network_acl_id(&recorded.network_acl_id)
            .rule_number(recorded.rule_number.0)
            .egress(recorded.egress.unwrap_or_default());
        ec2::gone(deletion.send().await)
    }
}

impl From<Icmp> for IcmpTypeCode {
    fn from(icmp: Icmp) -> Self {
        Self::builder()
            .set_code(icmp.code.map(i32::from))
            .set_type(icmp.r#type.map(i32::from))
            .build()
    }
}

impl From<PortRange> for types::PortRange {
    fn from(ports: PortRange) -> Self {
        Self::builder().set_from(ports.from.map(i32::from)).set_to(ports.to.map(i32::from)).build()
    }
}

fn key(spec: &Spec) -> PhysicalId {
    let direction = if spec.egress == Some(true) { "egress" } else { "ingress" };
    PhysicalId::joined([&spec.network_acl_id, direction, &spec.rule_number.0.to_string()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_entry_is_known_by_its_acl_direction_and_number() {
        let spec = json!({
            "NetworkAclId": "acl-1", "RuleNumber": 100, "Protocol": -1, "RuleAction": "allow",
        });
        let spec: Spec = serde_json::from_value(spec).unwrap();
        let id = PhysicalId::joined(["acl-1", "ingress", "100"]);
        assert_eq!(NetworkAclEntry::natural_id(&spec), Some(id));
    }

    #[test]
    fn a_live_entry_is_seen_in_full() {
        let ports = PortRange { from: Some(Number(443)), to: Some(Number(443)) };
        let entry = types::NetworkAclEntry::builder()
            .cidr_block("10.0.0.0/8")
            .egress(true)
            .protocol("6")
            .port_range(ports.into())
            .rule_action(RuleAction::Deny)
            .rule_number(7);
        let live = Live { network_acl_id: "acl-1".into(), entry: entry.build() };
        assert_eq!(NetworkAclEntry::id(&live), PhysicalId::joined(["acl-1", "egress", "7"]));
        assert_eq!(
            serde_json::to_value(NetworkAclEntry::spec(&live)).unwrap(),
            json!({
                "NetworkAclId": "acl-1", "CidrBlock": "10.0.0.0/8", "Egress": true, "Protocol": 6,
                "PortRange": {"From": 443, "To": 443}, "RuleAction": "deny", "RuleNumber": 7,
            })
        );
    }
}

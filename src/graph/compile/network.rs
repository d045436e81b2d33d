//! A VPC, its subnets in three tiers, their routes and network ACLs.

use serde_json::{Value, json};

use super::{Compiler, Zone, get, subnet, vpc_id};
use crate::address::Address;
use crate::blueprint::component::network::{Acls, Nat, Network, Tier};

const ANYWHERE: &str = "0.0.0.0/0";
/// Where the answers to one's own requests arrive.
const EPHEMERAL: (u16, u16) = (1024, 65535);

impl Compiler<'_> {
    pub(super) fn network(&mut self, network: &Network) {
        let vpc = at("vpc");
        let spec = json!({
            "CidrBlock": network.cidr.to_string(),
            "EnableDnsSupport": true,
            "EnableDnsHostnames": true,
            "Tags": self.name_tag("vpc"),
        });
        self.add(&vpc, "AWS::EC2::VPC", spec);
        let zones = self.zones();
        for tier in network.subnets.keys().copied() {
            self.subnets(network, tier, &zones);
        }
        if network.subnets.contains_key(&Tier::Public) {
            self.internet();
        }
        self.nat_gateways(network, &zones);
        self.private_routes(network, &zones);
        if network.acls == Acls::Tiered {
            for tier in network.subnets.keys().copied() {
                self.acl(network, tier, &zones);
            }
        }
        self.endpoints(network);
        if let Some(logs) = &network.flow_logs {
            self.flow_logs(logs);
        }
    }

    fn subnets(&mut self, network: &Network, tier: Tier, zones: &[Zone]) {
        for (cidr, zone) in network.subnets_of(tier).iter().zip(zones) {
            let mut tags =
                vec![json!({"Key": "Name", "Value": self.name(format!("{tier}-{}", zone.short))})];
            // The AWS Load Balancer Controller finds its subnets by these.
            let role = match tier {
                Tier::Public => Some("kubernetes.io/role/elb"),
                Tier::Private => Some("kubernetes.io/role/internal-elb"),
                Tier::Data => None,
            };
            if let Some(role) = role.filter(|_| self.blueprint.cluster.is_some()) {
                tags.push(json!({"Key": role, "Value": "1"}));
            }
            let spec = json!({
                "VpcId": vpc_id(),
                "CidrBlock": cidr.to_string(),
                "AvailabilityZone": zone.name,
                "Tags": tags,
            });
            self.add(&subnet(tier, &zone.short), "AWS::EC2::Subnet", spec);
        }
    }

    /// The way of the public tier: one route table, through the internet gateway.
    fn internet(&mut self) {
        let gateway = at("internet-gateway");
        let tags = self.name_tag("internet");
        self.add(&gateway, "AWS::EC2::InternetGateway", json!({"Tags": tags}));
        let attachment =
            json!({"VpcId": vpc_id(), "InternetGatewayId": get(&gateway, "InternetGatewayId")});
        self.add(&attached(), "AWS::EC2::VPCGatewayAttachment", attachment);
        let table = self.route_table("public");
        let route = json!({
            "RouteTableId": get(&table, "RouteTableId"),
            "DestinationCidrBlock": ANYWHERE,
            "GatewayId": get(&gateway, "InternetGatewayId"),
        });
        self.add(&at("route/public-internet"), "AWS::EC2::Route", route).after(&attached());
    }

    /// What must work before anything can be reached from the internet; `None`: others see to it, or nothing can.
    pub(super) fn way_in(&self) -> Option<Address> {
        let network = self.blueprint.network.as_ref()?;
        network.subnets.contains_key(&Tier::Public).then(attached)
    }

    fn nat_gateways(&mut self, network: &Network, zones: &[Zone]) {
        for zone in zones.iter().take(nat_gateway_count(network)) {
            let eip = at(&format!("eip/nat-{}", zone.short));
            let tags = self.name_tag(format!("nat-{}", zone.short));
            let spec = json!({"Domain": "vpc", "Tags": tags});
            self.add(&eip, "AWS::EC2::EIP", spec).after(&attached());
            let spec = json!({
                "AllocationId": get(&eip, "AllocationId"),
                "ConnectivityType": "public",
                "SubnetId": get(&subnet(Tier::Public, &zone.short), "SubnetId"),
                "Tags": tags,
            });
            self.add(&nat_gateway(zone), "AWS::EC2::NatGateway", spec).after(&attached());
        }
    }

    /// Every private subnet has a route table of its own, however many NAT gateways there are: a change between one and
    /// many then changes routes, not tables. The data tier has one without a way out.
    fn private_routes(&mut self, network: &Network, zones: &[Zone]) {
        if network.subnets.contains_key(&Tier::Public) {
            let table = at("route-table/public");
            for zone in zones.iter().take(network.subnets_of(Tier::Public).len()) {
                self.associate(Tier::Public, zone, &table);
            }
        }
        for (index, zone) in zones.iter().enumerate().take(network.subnets_of(Tier::Private).len())
        {
            let table = self.route_table(&format!("private-{}", zone.short));
            self.associate(Tier::Private, zone, &table);
            let exit = match network.nat.value {
                Nat::PerZone => zones.get(index),
                Nat::Single => zones.first(),
                Nat::None => None,
            };
            let Some(exit) = exit else { continue };
            let route = json!({
                "RouteTableId": get(&table, "RouteTableId"),
                "DestinationCidrBlock": ANYWHERE,
                "NatGatewayId": get(&nat_gateway(exit), "NatGatewayId"),
            });
            self.add(&at(&format!("route/private-{}-nat", zone.short)), "AWS::EC2::Route", route);
        }
        if network.subnets.contains_key(&Tier::Data) {
            let table = self.route_table("data");
            for zone in zones.iter().take(network.subnets_of(Tier::Data).len()) {
                self.associate(Tier::Data, zone, &table);
            }
        }
    }

    fn route_table(&mut self, name: &str) -> Address {
        let address = at(&format!("route-table/{name}"));
        let spec = json!({"VpcId": vpc_id(), "Tags": self.name_tag(name)});
        self.add(&address, "AWS::EC2::RouteTable", spec);
        address
    }

    fn associate(&mut self, tier: Tier, zone: &Zone, table: &Address) {
        let spec = json!({
            "RouteTableId": get(table, "RouteTableId"),
            "SubnetId": get(&subnet(tier, &zone.short), "SubnetId"),
        });
        let address = at(&format!("route-table-association/{tier}-{}", zone.short));
        self.add(&address, "AWS::EC2::SubnetRouteTableAssociation", spec);
    }

    /// A second defence beside security groups: what a tier has no business with does not even reach it.
    fn acl(&mut self, network: &Network, tier: Tier, zones: &[Zone]) {
        let acl = at(&format!("acl/{tier}"));
        let spec = json!({"VpcId": vpc_id(), "Tags": self.name_tag(tier)});
        self.add(&acl, "AWS::EC2::NetworkAcl", spec);
        for zone in zones.iter().take(network.subnets_of(tier).len()) {
            let spec = json!({
                "NetworkAclId": get(&acl, "Id"),
                "SubnetId": get(&subnet(tier, &zone.short), "SubnetId"),
            });
            let address = at(&format!("acl-association/{tier}-{}", zone.short));
            self.add(&address, "AWS::EC2::SubnetNetworkAclAssociation", spec);
        }
        let (ingress, egress) = self.acl_entries(network, tier);
        for (direction, entries) in [(Direction::Ingress, ingress), (Direction::Egress, egress)] {
            for (number, entry) in (100..).step_by(10).zip(entries) {
                let (name, egress) = match direction {
                    Direction::Ingress => ("ingress", false),
                    Direction::Egress => ("egress", true),
                };
                let spec = json!({
                    "NetworkAclId": get(&acl, "Id"),
                    "RuleNumber": number,
                    "Egress": egress,
                    "RuleAction": "allow",
                    "Protocol": entry.protocol.number(),
                    "CidrBlock": entry.cidr,
                    "PortRange": entry.ports.map(|(from, to)| json!({"From": from, "To": to})),
                });
                let address = at(&format!("acl/{tier}/{name}-{number}"));
                self.add(&address, "AWS::EC2::NetworkAclEntry", spec);
            }
        }
    }

    fn acl_entries(&self, network: &Network, tier: Tier) -> (Vec<Entry>, Vec<Entry>) {
        let vpc = network.cidr.to_string();
        let ranges =
            |tier| network.subnets_of(tier).iter().map(ToString::to_string).collect::<Vec<_>>();
        let answers = [Entry::tcp(ANYWHERE, EPHEMERAL), Entry::udp(ANYWHERE, EPHEMERAL)];
        match tier {
            Tier::Public => {
                let web = [Entry::tcp(ANYWHERE, (80, 80)), Entry::tcp(ANYWHERE, (443, 443))];
                let ingress = web.into_iter().chain(answers).chain([Entry::all(&vpc)]);
                (ingress.collect(), vec![Entry::all(ANYWHERE)])
            }
            Tier::Private => (
                [Entry::all(&vpc)].into_iter().chain(answers).collect(),
                vec![Entry::all(ANYWHERE)],
            ),
            Tier::Data => {
                let (clients, own) = (ranges(Tier::Private), ranges(Tier::Data));
                let within = || own.iter().map(|cidr| Entry::all(cidr));
                let served = self.data_ports().into_iter();
                let served = served.flat_map(|port| {
                    clients.iter().map(move |cidr| Entry::tcp(cidr, (port, port)))
                });
                let answered = clients.iter().map(|cidr| Entry::tcp(cidr, EPHEMERAL));
                (served.chain(within()).collect(), answered.chain(within()).collect())
            }
        }
    }

    /// The ports on which something answers in the data tier.
    fn data_ports(&self) -> Vec<u16> {
        let databases = self.blueprint.databases.values();
        let databases = databases.map(|database| (database.subnets.value, database.port()));
        let caches = self.blueprint.caches.values();
        let caches = caches.map(|cache| (cache.subnets.value, cache.port()));
        let there = databases.chain(caches).filter(|(tier, _)| *tier == Tier::Data);
        let mut ports: Vec<u16> = there.map(|(_, port)| port).collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Ingress,
    Egress,
}

/// What a network ACL lets pass.
struct Entry {
    protocol: Protocol,
    cidr: String,
    ports: Option<(u16, u16)>,
}

#[derive(Clone, Copy)]
enum Protocol {
    All,
    Tcp,
    Udp,
}

impl Protocol {
    /// As IANA numbers it; `-1` is AWS's word for all.
    fn number(self) -> Value {
        json!(match self {
            Self::All => -1,
            Self::Tcp => 6,
            Self::Udp => 17,
        })
    }
}

impl Entry {
    fn all(cidr: &str) -> Self {
        Self { protocol: Protocol::All, cidr: cidr.into(), ports: None }
    }

    fn tcp(cidr: &str, ports: (u16, u16)) -> Self {
        Self { protocol: Protocol::Tcp, cidr: cidr.into(), ports: Some(ports) }
    }

    fn udp(cidr: &str, ports: (u16, u16)) -> Self {
        Self { protocol: Protocol::Udp, ..Self::tcp(cidr, ports) }
    }
}

fn at(role: &str) -> Address {
    Address::of("network", role)
}

fn attached() -> Address {
    at("internet-gateway-attachment")
}

pub(super) fn nat_gateway_count(network: &Network) -> usize {
    match network.nat.value {
        Nat::PerZone => network.subnets_of(Tier::Public).len(),
        Nat::Single => 1,
        Nat::None => 0,
    }
}

pub(super) fn nat_gateway(zone: &Zone) -> Address {
    at(&format!("nat-gateway/{}", zone.short))
}

use std::fmt;
use std::str::FromStr;

use crate::blueprint::decode::{Invalid, Word};
use crate::blueprint::shape::Shape;
use crate::blueprint::value::{characters, ensure, word};
use crate::diagnostic::did_you_mean;

word! {
    /// An AWS region. New regions open every year, so any name of the right form is one.
    pub struct Region("a region", ["eu-west-1", "us-east-1"], |text| {
        let (place, number) = text.rsplit_once('-').unwrap_or((text, ""));
        let mut words = place.split('-');
        let area = words.next().unwrap_or_default();
        let lower = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
        let (count, valid) = words.fold((0, true), |(n, ok), word| (n + 1, ok && lower(word)));
        let number = number.len() == 1 && number.as_bytes()[0].is_ascii_digit();
        if number && valid && matches!(count, 1 | 2) && area.len() == 2 && lower(area) {
            return Ok(());
        }
        Err(Invalid::unknown(text, KNOWN_REGIONS, "regions are named like `eu-west-1`"))
    }, REGION);
}

/// What a [`Region`] matches.
const REGION: &str = "[a-z]{2}(-[a-z]+){1,2}-[0-9]";

/// The regions open in November 2026, for suggestions only.
const KNOWN_REGIONS: [&str; 38] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
];

impl Region {
    pub fn is_known(&self) -> bool {
        KNOWN_REGIONS.contains(&self.as_str())
    }

    /// The known region that a mistyped one most likely stands for.
    pub fn nearest(&self) -> Option<&'static str> {
        did_you_mean(self.as_str(), KNOWN_REGIONS)
    }

    /// The `aws`, `aws-cn` or `aws-us-gov` of the ARNs of this region.
    pub fn partition(&self) -> &'static str {
        match self.as_str() {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }

    /// The zones that every account can use, in the order in which a count takes them.
    pub fn zones(&self) -> Vec<ZoneName> {
        let letters = match self.as_str() {
            "us-east-1" => "abcdef",
            "us-west-2" | "ap-northeast-2" => "abcd",
            "us-west-1" => "ac",
            "ap-northeast-1" => "acd",
            "ca-central-1" | "cn-north-1" => "abd",
            _ => "abc",
        };
        letters.chars().map(|letter| ZoneName(format!("{self}{letter}"))).collect()
    }
}

word! {
    /// An availability zone, such as `eu-west-1a`.
    pub struct ZoneName("an availability zone", ["eu-west-1a"], |text| {
        let region = text.strip_suffix(|c: char| c.is_ascii_lowercase()).unwrap_or_default();
        ensure(region.parse::<Region>().is_ok(), "must be a region and a letter")
    }, format!("{REGION}[a-z]"));
}

impl ZoneName {
    pub fn is_in(&self, region: &Region) -> bool {
        self.0.strip_prefix(region.as_str()).is_some_and(|letter| letter.len() == 1)
    }
}

/// An Amazon Resource Name: `arn:partition:service:region:account:resource`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arn(String);

impl Arn {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn service(&self) -> &str {
        self.part(2)
    }

    /// What follows the account: `role/admin`.
    pub fn resource(&self) -> &str {
        self.part(5)
    }

    fn part(&self, index: usize) -> &str {
        self.0.splitn(6, ':').nth(index).unwrap_or_default()
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Arn {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let [arn, partition, service, _region, account, resource] = parts.as_slice() else {
            return Err(Invalid::new("must be `arn:partition:service:region:account:resource`"));
        };
        ensure(*arn == "arn", "must start with `arn:`")?;
        ensure(partition.starts_with("aws"), "the partition must be `aws`, `aws-cn` or the like")?;
        ensure(!service.is_empty(), "the service is missing")?;
        let digits = account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit());
        let account_valid = digits || account.is_empty() || *account == "aws";
        ensure(account_valid, "the account must have 12 digits")?;
        ensure(!resource.is_empty(), "the resource is missing")?;
        ensure(text.bytes().all(|b| b.is_ascii_graphic()), "has a space or a special character")?;
        Ok(Self(text.to_owned()))
    }
}

impl Word for Arn {
    fn shape() -> Shape {
        Shape::word("an ARN", &["arn:aws:iam::123456789012:role/admin"])
    }

    fn pattern() -> Option<String> {
        Some(format!("^arn:aws{ARN_PART}*:{ARN_PART}+:{ARN_PART}*:{ARN_ACCOUNT}:[!-~]+$"))
    }
}

/// A character of what stands between the colons of an [`Arn`].
const ARN_PART: &str = "[!-9;-~]";
const ARN_ACCOUNT: &str = "([0-9]{12}|aws)?";

word! {
    /// The ARN of an IAM user or role.
    pub struct RoleArn("the ARN of a role or user", ["arn:aws:iam::123456789012:role/admin"], |text| {
        let arn: Arn = text.parse()?;
        let principal = arn.resource().starts_with("role/") || arn.resource().starts_with("user/");
        ensure(arn.service() == "iam" && principal, "not the ARN of an IAM role or user")
    }, format!("arn:aws{ARN_PART}*:iam:{ARN_PART}*:{ARN_ACCOUNT}:(role|user)/[!-~]*"));
}

word! {
    /// An EC2 instance type, or with `db.` before it a database instance class.
    pub struct InstanceType("an instance type", ["m6i.large"], |text| {
        let (family, size) = text.rsplit_once('.').unwrap_or((text, ""));
        let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let family = family.strip_prefix("db.").unwrap_or(family);
        let valid = family.starts_with(|c: char| c.is_ascii_lowercase())
            && family.contains(|c: char| c.is_ascii_digit())
            && family.chars().chain(size.chars()).all(lower)
            && !size.is_empty();
        ensure(valid, "must be a family and a size with a dot between")
    }, r"(db\.)?[a-z][a-z-]*[0-9][a-z0-9-]*\.[a-z0-9-]+");
}

impl InstanceType {
    /// Whether its processor is a Graviton: the letters after the generation contain a `g`.
    pub fn is_arm(&self) -> bool {
        let family = self.0.strip_prefix("db.").unwrap_or(&self.0).split('.').next();
        let family = family.unwrap_or_default();
        let attributes = family.trim_start_matches(|c: char| c.is_ascii_lowercase());
        let attributes = attributes.trim_start_matches(|c: char| c.is_ascii_digit());
        family == "a1" || attributes.starts_with('g')
    }

    pub fn is_database_class(&self) -> bool {
        self.0.starts_with("db.")
    }
}

word! {
    /// The name of an EKS add-on.
    pub struct AddonName("the name of an add-on", ["vpc-cni", "coredns"], |text| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        characters(text, 1, 100, allowed, "letters, digits, `-` and `_`")
    }, "[A-Za-z0-9_-]{1,100}");
}

word! {
    /// The version of an EKS add-on.
    pub struct AddonVersion("the version of an add-on", ["v1.19.2-eksbuild.1"], |text| {
        ensure(text.starts_with('v') && text.contains('.'), "versions of add-ons start with `v`")?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '+');
        characters(text, 1, 100, allowed, "letters, digits, `-`, `.` and `_`")
    }, r"(?!.{101})v[A-Za-z0-9_+-]*\.[A-Za-z0-9._+-]*");
}

word! {
    /// The name of an EKS access policy.
    pub struct AccessPolicy(
        "an EKS access policy", ["AmazonEKSClusterAdminPolicy", "AmazonEKSViewPolicy"],
        |text| {
            ensure(text.starts_with("AmazonEKS"), "names of access policies start with `AmazonEKS`")?;
            characters(text, 1, 128, |c| c.is_ascii_alphanumeric(), "letters and digits")
        },
        "AmazonEKS[A-Za-z0-9]{0,119}"
    );
}

word! {
    /// A database or user name inside a database engine.
    pub struct DatabaseIdentifier("a database identifier", ["birthdays"], |text| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
        characters(text, 1, 63, allowed, "letters, digits and `_`")?;
        ensure(text.starts_with(|c: char| c.is_ascii_alphabetic()), "must start with a letter")
    }, "[A-Za-z][A-Za-z0-9_]{0,62}");
}

word! {
    /// The name of a database parameter.
    pub struct ParameterName("a parameter name", ["rds.force_ssl"], |text| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        characters(text, 1, 255, allowed, "letters, digits, `_`, `-` and `.`")
    }, "[A-Za-z0-9_.-]{1,255}");
}

word! {
    /// The key of a resource tag. `aws:` and `platctl:` are reserved.
    pub struct TagKey("a tag key", ["team"], |text| {
        for reserved in ["aws:", "platctl:"] {
            let taken = text.to_ascii_lowercase().starts_with(reserved);
            ensure(!taken, format!("tags that start with `{reserved}` are reserved"))?;
        }
        let allowed = |c: char| c.is_alphanumeric() || " _.:/=+-@".contains(c);
        characters(text, 1, 128, allowed, "letters, digits, spaces and `_.:/=+-@`")
    });
}

word! {
    /// The name of a CloudWatch log group.
    pub struct LogGroupName("the name of a log group", ["/birthday-api/application"], |text| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_-/.#".contains(c);
        characters(text, 1, 512, allowed, "letters, digits and `_-/.#`")?;
        ensure(!text.starts_with("aws/"), "names that start with `aws/` are reserved")
    }, "(?!aws/)[A-Za-z0-9_/.#-]{1,512}");
}

word! {
    /// A TLS security policy of a load balancer.
    pub struct SslPolicy("a TLS policy", ["ELBSecurityPolicy-TLS13-1-2-2021-06"], |text| {
        ensure(text.starts_with("ELBSecurityPolicy-"), "must start with `ELBSecurityPolicy-`")?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
        characters(text, 1, 100, allowed, "letters, digits and hyphens")
    }, "ELBSecurityPolicy-[A-Za-z0-9-]{0,82}");
}

word! {
    /// A dimension of a metric.
    pub struct DimensionName("a dimension", ["InstanceId"], |text| {
        let allowed = |c: char| c.is_ascii_graphic() && c != ':';
        characters(text, 1, 255, allowed, "printable ASCII characters without spaces")
    });
}

word! {
    /// A rule that AWS Config has, by the name in its list of managed rules.
    pub struct ConfigRuleName("a rule of AWS Config", ["encrypted-volumes", "iam-user-mfa-enabled"], |text| {
        if text.contains('_') || text.chars().any(|c| c.is_ascii_uppercase()) {
            let kebab = text.to_lowercase().replace('_', "-");
            return Err(Invalid::new("must be lower-case words with hyphens")
                .hint(format!("Write `{kebab}`.")));
        }
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        characters(text, 1, 80, allowed, "lower-case letters, digits and hyphens")
    });
}

/// The rules whose identifiers are not their names in capitals: *List of AWS Config Managed Rules*.
const RULE_IDENTIFIERS: [(&str, &str); 5] = [
    ("cloudtrail-enabled", "CLOUD_TRAIL_ENABLED"),
    ("ec2-instances-in-vpc", "INSTANCES_IN_VPC"),
    ("multi-region-cloudtrail-enabled", "MULTI_REGION_CLOUD_TRAIL_ENABLED"),
    ("restricted-common-ports", "RESTRICTED_INCOMING_TRAFFIC"),
    ("restricted-ssh", "INCOMING_SSH_DISABLED"),
];

impl ConfigRuleName {
    /// What AWS Config identifies it by.
    pub fn identifier(&self) -> String {
        let other = RULE_IDENTIFIERS.iter().find(|(name, _)| *name == self.0);
        other.map_or_else(
            || self.0.to_uppercase().replace('-', "_"),
            |(_, identifier)| (*identifier).to_owned(),
        )
    }
}

word! {
    /// What a security group or one of its rules is for, in the characters that EC2 takes.
    pub struct GroupDescription("a description", ["pods of the shop"], |text| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(c);
        characters(text, 1, 255, allowed, "letters, digits, spaces and `._-:/()#,@[]+=&;{}!$*`")
    });
}

word! {
    /// A service that has an endpoint, by the end of the endpoint service's name.
    pub struct EndpointService("a service", ["s3", "ecr.api", "secretsmanager"], |text| {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-_".contains(c);
        if let Some(rest) = text.strip_prefix("com.amazonaws.") {
            let service = rest.split_once('.').map_or(rest, |(_, service)| service);
            return Err(Invalid::new("only the end of the name is needed")
                .hint(format!("Write `{service}`.")));
        }
        characters(text, 1, 64, allowed, "lower-case letters, digits and `.-_`")
    });
}

impl EndpointService {
    /// Whether it has an endpoint that is reached by routes.
    pub fn has_gateway(&self) -> bool {
        matches!(self.0.as_str(), "s3" | "dynamodb")
    }
}

word! {
    /// An ISO 3166 country code in two capital letters.
    pub struct CountryCode("a country code", ["DE", "NO"], |text| {
        let capitals = text.len() == 2 && text.bytes().all(|b| b.is_ascii_uppercase());
        ensure(capitals, "must be two capital letters")
    }, "[A-Z]{2}");
}

word! {
    /// Who may assume a role: the principal of an AWS service, or `account` for the account's own principals.
    pub struct Trusted("a service principal or `account`", ["lambda.amazonaws.com", "account"], |text| {
        if text == ACCOUNT {
            return Ok(());
        }
        let domain = text.ends_with(".amazonaws.com") || text.ends_with(".amazonaws.com.cn");
        if !domain && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') {
            return Err(Invalid::new("not a domain name")
                .hint(format!("Write `{text}.amazonaws.com`.")));
        }
        ensure(domain, "must end with `.amazonaws.com`")?;
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
        characters(text, 1, 128, allowed, "lower-case letters, digits, hyphens and dots")
    }, r"account|(?!.{129})[a-z0-9.-]*\.amazonaws\.com(\.cn)?");
}

/// How a trust list spells the account itself.
const ACCOUNT: &str = "account";

impl Trusted {
    /// Whether it stands for the account rather than for a service.
    pub fn is_account(&self) -> bool {
        self.0 == ACCOUNT
    }
}

word! {
    /// An action of an IAM policy; `*` and `?` are wildcards.
    pub struct IamAction("an IAM action", ["s3:GetObject"], |text| {
        if text == "*" {
            return Ok(());
        }
        let (service, action) = text.split_once(':').unwrap_or((text, ""));
        ensure(!action.is_empty(), "must be a service, a colon and an action")?;
        let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        characters(service, 1, 64, lower, "lower-case letters, digits and hyphens")?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '*' || c == '?';
        characters(action, 1, 128, allowed, "letters, digits, `*` and `?`")
    }, r"\*|[a-z0-9-]{1,64}:[A-Za-z0-9*?]{1,128}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blueprint::value::assert_round_trip;
    use proptest::prelude::*;

    fn accepts<T: FromStr>(good: &[&str], bad: &[&str]) {
        for text in good {
            assert!(text.parse::<T>().is_ok(), "{text} must be accepted");
        }
        for text in bad {
            assert!(text.parse::<T>().is_err(), "{text} must be refused");
        }
    }

    #[test]
    fn regions() {
        for region in KNOWN_REGIONS {
            assert_round_trip::<Region>(region);
        }
        accepts::<Region>(
            &["eu-west-9", "us-gov-west-1"],
            &["", "eu", "eu-west", "EU-west-1", "eu-west-1a", "eu--1"],
        );
        let zones = |region: &str| region.parse::<Region>().unwrap().zones();
        assert_eq!(zones("ca-central-1")[2].as_str(), "ca-central-1d");
        assert!(zones("eu-west-1")[0].is_in(&"eu-west-1".parse().unwrap()));
        assert_eq!("eu-west-11".parse::<Region>().unwrap_err().reason, "did you mean `eu-west-1`?");
    }

    #[test]
    fn arns() {
        accepts::<Arn>(
            &[
                "arn:aws:iam::123456789012:role/a",
                "arn:aws:iam::aws:policy/ReadOnlyAccess",
                "arn:aws-cn:s3:::bucket",
            ],
            &[
                "",
                "arn:aws:iam",
                "arn:aws:iam::12:role/a",
                "arn:aws:::1",
                "aws:arn:iam:::x",
                "arn:aws:s3:::a b",
            ],
        );
        accepts::<RoleArn>(
            &["arn:aws:iam::123456789012:role/a", "arn:aws:iam::123456789012:user/a"],
            &["arn:aws:iam::123456789012:policy/a", "arn:aws:s3:::role/a"],
        );
    }

    #[test]
    fn instance_types() {
        accepts::<InstanceType>(
            &["m6i.large", "db.m6g.large", "u-6tb1.metal"],
            &["", "m6i", "large", ".large", "M6i.large"],
        );
        let arm = |text: &str| text.parse::<InstanceType>().unwrap().is_arm();
        assert!(arm("m6g.large") && arm("t4g.small") && arm("c7gn.xlarge") && arm("db.r6gd.large"));
        assert!(!arm("m6i.large") && !arm("g5.xlarge") && !arm("t3.small"));
    }

    #[test]
    fn names_of_services() {
        accepts::<TagKey>(&["team", "cost center"], &["", "aws:x", "Platctl:stack", "a\u{7}"]);
        accepts::<IamAction>(&["s3:Get*", "*"], &["", "s3", "s3:", "S3:Get", "s3:Get Object"]);
        accepts::<Trusted>(&["lambda.amazonaws.com", "account"], &["lambda", "example.com"]);
        accepts::<CountryCode>(&["NO"], &["no", "NOR", ""]);
        accepts::<DatabaseIdentifier>(&["birthdays", "a_1"], &["", "1a", "a-b"]);
        accepts::<AddonVersion>(&["v1.19.2-eksbuild.1"], &["1.19", "latest"]);
        accepts::<LogGroupName>(&["/a/b"], &["", "aws/x", "a b"]);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in ".{0,40}") {
            let _ = text.parse::<Region>().map(|it| it.zones());
            let _ = text.parse::<Arn>().map(|it| it.resource().len());
            let _ = text.parse::<InstanceType>().map(|it| it.is_arm());
            let _ = text.parse::<IamAction>();
        }
    }
}

//! `parameters`: plain values in Parameter Store.

use std::fmt;
use std::str::FromStr;

use super::Component;
use crate::blueprint::check::Check;
use crate::blueprint::decode::{Decode, Decoder, Invalid, Word, schema};
use crate::blueprint::node::{Node, Value};
use crate::blueprint::reference::ComponentType;
use crate::blueprint::shape::Shape;
use crate::blueprint::value::{Name, ParameterPath};
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};

schema! {
    /// A plain value that everybody who may read it can see; what is secret belongs to `secrets`.
    pub struct Parameter("a parameter") {
        /// Its path in Parameter Store; `/<stack>/<name>` if nothing is said.
        pub path: Option<Spanned<ParameterPath>>,
        /// The value: a text or a list of texts.
        pub value: Spanned<ParameterValue>,
        /// What the value is; as it is written if nothing is said.
        pub r#type: Option<Spanned<ParameterType>>,
        /// How large it may be and what it costs.
        pub tier: Spanned<ParameterTier> = "standard",
        /// What it is for.
        pub description: Option<Spanned<String>>,
        /// A regular expression that every value must match.
        pub pattern: Option<Spanned<String>>,
    }
}

/// The value of a parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum ParameterValue {
    Text(String),
    List(Vec<Spanned<String>>),
}

impl Decode for ParameterValue {
    fn decode(node: &Node, decoder: &mut Decoder) -> Option<Self> {
        match &node.value {
            Value::Sequence(_) => Vec::decode(node, decoder).map(Self::List),
            Value::Null | Value::Scalar(_) | Value::Mapping(_) => {
                String::decode(node, decoder).map(Self::Text)
            }
        }
    }

    fn shape() -> Shape {
        Shape::Either(vec![String::shape(), Vec::<String>::shape()])
    }
}

impl fmt::Display for ParameterValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::List(items) => {
                let items: Vec<&str> = items.iter().map(|it| it.as_str()).collect();
                f.write_str(&items.join(","))
            }
        }
    }
}

/// What the value of a parameter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterType {
    /// Text.
    String,
    /// A list of texts.
    List,
    /// The id of a machine image, which Parameter Store looks up.
    Image,
}

impl ParameterType {
    const ALL: [Self; 3] = [Self::String, Self::List, Self::Image];

    const fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::List => "list",
            Self::Image => "image",
        }
    }
}

impl fmt::Display for ParameterType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ParameterType {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.to_lowercase().starts_with("secur") || text.to_lowercase().starts_with("secret") {
            return Err(Invalid::new("a blueprint holds no secret values")
                .hint("Make it one of the `secrets`, whose value stays in Secrets Manager."));
        }
        Self::ALL.into_iter().find(|it| it.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.map(Self::as_str);
            Invalid::unknown(text, known, "not one of the known values")
                .hint("Known values are `string`, `list` and `image`.")
        })
    }
}

impl Word for ParameterType {
    fn shape() -> Shape {
        Shape::word("a type of parameter", &["string", "list", "image"])
    }
}

schema! {
    /// How large a parameter may be and what it costs.
    pub enum ParameterTier {
        /// 4 KiB, free.
        Standard = "standard",
        /// 8 KiB, paid for by the month.
        Advanced = "advanced",
    }
}

impl ParameterTier {
    const fn bytes_max(self) -> usize {
        match self {
            Self::Standard => 4096,
            Self::Advanced => 8192,
        }
    }
}

impl Parameter {
    /// Its path in Parameter Store.
    pub fn path(&self, stack: &str, name: &Name) -> String {
        self.path.as_ref().map_or_else(|| format!("/{stack}/{name}"), ToString::to_string)
    }
}

impl Component for Parameter {
    const TYPE: ComponentType = ComponentType::Parameter;
    type Name = Name;

    fn check(&self, name: &Name, at: Span, check: &mut Check<'_>) {
        self.check_path(name, at, check);
        self.check_type(check);
        let (length, max) = (self.value.value.to_string().len(), self.tier.bytes_max());
        if length == 0 {
            check.report(
                Diagnostic::error("the value of a parameter cannot be empty")
                    .at(self.value.span, "is empty"),
            );
        }
        if length > max {
            let problem = Diagnostic::error("the value is too large")
                .at(self.value.span, format!("{length} bytes, at most {max} are allowed"));
            check.report(if self.tier.value == ParameterTier::Standard {
                problem.hint("Set `tier: advanced` for up to 8192 bytes.")
            } else {
                problem.hint("Put it into a bucket, and its key here.")
            });
        }
    }
}

impl Parameter {
    fn check_path(&self, name: &Name, at: Span, check: &mut Check<'_>) {
        let mine = self.path(check.stack, name);
        let mut earlier = check.blueprint.parameters.range(..name);
        let same = earlier.find(|(it, parameter)| parameter.path(check.stack, it) == mine);
        if let Some((_, other)) = same {
            let span = self.path.as_ref().map_or(at, |it| it.span);
            let first = other.path.as_ref().map_or(other.span, |it| it.span);
            check.report(
                Diagnostic::error(format!("two parameters have the path `{mine}`"))
                    .at(span, "again")
                    .also(first, "first here"),
            );
        }
    }

    fn check_type(&self, check: &mut Check<'_>) {
        let (found, wanted) = match (&self.value.value, self.r#type) {
            (ParameterValue::List(items), it) => {
                for item in items.iter().filter(|item| item.contains(',')) {
                    check.report(
                        Diagnostic::error("an item of a list cannot have a comma")
                            .at(item.span, "Parameter Store would read several items"),
                    );
                }
                ("a list", it.filter(|it| it.value != ParameterType::List))
            }
            (ParameterValue::Text(_), it) => {
                ("text", it.filter(|it| it.value == ParameterType::List))
            }
        };
        if let Some(wanted) = wanted {
            check.report(
                Diagnostic::error(format!("the value is {found}, and the type `{wanted}`"))
                    .at(wanted.span, "says something else")
                    .also(self.value.span, found),
            );
        }
    }
}

//! `logs`: log groups of CloudWatch.

use super::Component;
use super::key::Key;
use crate::blueprint::check::Check;
use crate::blueprint::decode::schema;
use crate::blueprint::reference::{ComponentType, Link};
use crate::blueprint::value::{LogGroupName, Name, Retention};
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};

schema! {
    /// A log group.
    pub struct LogGroup("a log group") {
        /// Its name in CloudWatch; `/<stack>/<name>` if nothing is said.
        pub name: Option<Spanned<LogGroupName>>,
        /// How long events are kept.
        pub retention: Spanned<Retention> = "30d",
        /// The key that encrypts it; AWS's own if nothing is said.
        pub key: Option<Spanned<Link<Key>>>,
        /// How it can be searched and what it costs.
        pub class: LogClass = "standard",
    }
}

schema! {
    /// The class of a log group.
    pub enum LogClass {
        /// All features.
        Standard = "standard",
        /// Half the price, without metric filters, live tail and exports.
        InfrequentAccess = "infrequent-access",
    }
}

impl LogGroup {
    /// Its name in CloudWatch.
    pub fn group_name(&self, stack: &str, name: &Name) -> String {
        match &self.name {
            Some(name) => name.to_string(),
            None => format!("/{stack}/{name}"),
        }
    }
}

impl Component for LogGroup {
    const TYPE: ComponentType = ComponentType::Log;
    type Name = Name;

    fn check(&self, name: &Name, at: Span, check: &mut Check<'_>) {
        let mine = self.group_name(check.stack, name);
        let span = self.name.as_ref().map_or(at, |it| it.span);
        match check.log_groups.get(&mine) {
            Some(&first) => check.report(
                Diagnostic::error(format!("two log groups are called `{mine}`"))
                    .at(span, "named again")
                    .also(first, "first named here"),
            ),
            None => {
                check.log_groups.insert(mine, span);
            }
        }
    }
}

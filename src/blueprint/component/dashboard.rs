//! `dashboards`: what to look at.

use super::Component;
use super::alarm::check_subject;
use super::metric::Subject;
use crate::blueprint::check::Check;
use crate::blueprint::decode::schema;
use crate::blueprint::reference::ComponentType;
use crate::blueprint::value::Name;
use crate::diagnostic::Diagnostic;
use crate::source::{Span, Spanned};

schema! {
    /// A dashboard of CloudWatch.
    pub struct Dashboard("a dashboard") {
        /// What to show: each with graphs of all that is measured of it.
        pub of: Vec<Spanned<Subject>>,
        /// The dashboard as CloudWatch writes it, instead.
        pub body: Option<Spanned<serde_json::Value>>,
    }
}

impl Component for Dashboard {
    const TYPE: ComponentType = ComponentType::Dashboard;
    type Name = Name;

    fn check(&self, _name: &Name, at: Span, check: &mut Check<'_>) {
        match (self.of.as_slice(), &self.body) {
            ([], None) => check.report(
                Diagnostic::error("a dashboard needs something to show")
                    .at(at, "has neither `of` nor `body`"),
            ),
            ([first, ..], Some(body)) => check.report(
                Diagnostic::error("a dashboard is made of `of` or written at `body`")
                    .at(body.span, "and written here")
                    .also(first.span, "made of this"),
            ),
            ([], Some(body)) if !body["widgets"].is_array() => check.report(
                Diagnostic::error("the body of a dashboard is a mapping with `widgets`")
                    .at(body.span, "shows nothing"),
            ),
            ([], Some(_)) => {}
            (subjects, None) => {
                for (index, subject) in subjects.iter().enumerate() {
                    check_subject(subject, check);
                    if let Some(first) =
                        subjects[..index].iter().find(|it| it.value == subject.value)
                    {
                        check.report(
                            Diagnostic::error(format!(
                                "the dashboard shows `{}` twice",
                                subject.value
                            ))
                            .at(subject.span, "shown again")
                            .also(first.span, "first shown here"),
                        );
                    }
                }
            }
        }
    }
}

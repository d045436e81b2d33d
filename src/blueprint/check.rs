//! What is wrong although every value by itself is right: what components say of each other, and
//! the limits of AWS.

use std::collections::BTreeMap;

use super::Blueprint;
use super::component::Component;
use super::component::dns::Zone;
use super::component::network::Tier;
use super::node::Node;
use super::reference::{ComponentType, HOME, Mention, Place, Reference};
use super::value::{DomainName, Name, Region};
use crate::diagnostic::{Diagnostic, PROBLEMS_MAX, did_you_mean, listed, with_article};
use crate::source::{Span, Spanned};

/// Checks a decoded blueprint. Components that could not be decoded are absent from it but are
/// `declared`, so that one problem does not look like two.
pub(crate) fn check(
    here: Side<'_>,
    home: Side<'_>,
    known: Known<'_>,
    mentions: &[Mention],
) -> Vec<Diagnostic> {
    let Side { blueprint, declared } = here;
    let mut check = Check {
        blueprint,
        region: known.region,
        stack: known.stack,
        declared,
        home,
        log_groups: BTreeMap::new(),
        problems: Vec::new(),
    };
    check.tags();
    for mention in mentions {
        check.resolve(mention);
    }
    blueprint.check_components(&mut check);
    check.problems
}

/// A blueprint, or its part in a further region, with the names that are declared in it.
#[derive(Clone, Copy)]
pub(crate) struct Side<'a> {
    pub(crate) blueprint: &'a Blueprint,
    pub(crate) declared: &'a Declared,
}

/// The parts of a blueprint's identity that are valid.
pub(crate) struct Known<'a> {
    pub(crate) region: Option<&'a Region>,
    pub(crate) stack: &'a str,
}

/// The names of all components, whether their blocks are valid or not, with their places.
#[derive(Default)]
pub(crate) struct Declared {
    own: BTreeMap<ComponentType, BTreeMap<String, Span>>,
    regions: BTreeMap<String, Declared>,
}

impl Declared {
    pub(crate) fn of(root: &Node) -> Self {
        let mut own: BTreeMap<ComponentType, BTreeMap<String, Span>> = BTreeMap::new();
        for component in ComponentType::ALL {
            if let Some(section) = root.mapping().and_then(|it| it.entry(component.section())) {
                let names = own.entry(*component).or_default();
                if component.is_single() {
                    names.insert(component.to_string(), section.key.span);
                } else {
                    names.extend(entries(Some(&section.value)));
                }
            }
            let existing = root.get("existing").and_then(Node::mapping);
            let Some(entry) = existing.and_then(|it| it.entry(component.existing()?)) else {
                continue;
            };
            let names = own.entry(*component).or_default();
            if component.is_single() {
                names.insert(component.to_string(), entry.key.span);
            } else {
                names.extend(entries(Some(&entry.value)));
            }
        }
        let regions = root.get("regions").and_then(Node::mapping);
        let regions = regions.into_iter().flat_map(|it| &it.entries);
        let regions = regions.map(|it| (it.key.value.clone(), Self::of(&it.value))).collect();
        Self { own, regions }
    }

    /// What is declared in a further region.
    pub(crate) fn region(&self, name: &str) -> &Self {
        static NOTHING: Declared = Declared { own: BTreeMap::new(), regions: BTreeMap::new() };
        self.regions.get(name).unwrap_or(&NOTHING)
    }

    fn names(&self, component: ComponentType) -> impl Iterator<Item = &str> {
        self.own.get(&component).into_iter().flatten().map(|(name, _)| name.as_str())
    }

    fn has(&self, component: ComponentType) -> bool {
        self.own.contains_key(&component)
    }

    fn has_name(&self, component: ComponentType, name: &str) -> bool {
        self.own.get(&component).is_some_and(|names| names.contains_key(name))
    }
}

/// What a component's check sees, and where it reports.
pub struct Check<'a> {
    pub(crate) blueprint: &'a Blueprint,
    /// Absent if it is invalid.
    pub(crate) region: Option<&'a Region>,
    pub(crate) stack: &'a str,
    declared: &'a Declared,
    /// The blueprint's own region.
    home: Side<'a>,
    /// The names of the log groups so far, with the places to blame for them.
    pub(crate) log_groups: BTreeMap<String, Span>,
    problems: Vec<Diagnostic>,
}

fn entries(section: Option<&Node>) -> impl Iterator<Item = (String, Span)> {
    let entries = section.and_then(Node::mapping).into_iter().flat_map(|it| &it.entries);
    entries.map(|it| (it.key.value.clone(), it.key.span))
}

impl<'a> Check<'a> {
    pub(crate) fn report(&mut self, problem: Diagnostic) {
        self.problems.push(problem);
    }

    /// Whether this is the blueprint itself, not its part in a further region.
    pub(crate) fn is_home(&self) -> bool {
        std::ptr::eq(self.declared, self.home.declared)
    }

    /// What stands in a region that somebody names here; `None` if there is no such region.
    pub(crate) fn there(&self, region: &Name) -> Option<&'a Blueprint> {
        let home = self.home.blueprint;
        if region.as_str() == HOME {
            return Some(home);
        }
        home.regions.get(region).map(|it| &it.value)
    }

    /// A zone of the blueprint, which is there for all its parts.
    pub(crate) fn zone(&self, name: &DomainName) -> Option<&'a Spanned<Zone>> {
        self.home.blueprint.dns.get(name)
    }

    pub(crate) fn needs_network(&mut self, what: &str, at: Span) {
        if !self.declared.has(ComponentType::Network) {
            self.report(
                Diagnostic::error(format!("{what} needs a network"))
                    .at(at, "the blueprint has no `network`"),
            );
        }
    }

    pub(crate) fn needs_cluster(&mut self, what: &str, at: Span) {
        if !self.declared.has(ComponentType::Cluster) {
            self.report(
                Diagnostic::error(format!("{what} needs a cluster"))
                    .at(at, "the blueprint has no `cluster`"),
            );
        }
    }

    /// The network must have subnets of the tier in so many zones.
    pub(crate) fn tier_has_zones(&mut self, tier: &Spanned<Tier>, zones: usize, reason: &str) {
        let Some(count) = self.blueprint.subnets_in(tier.value) else { return };
        if count >= zones {
            return;
        }
        let (subnets, zones) = match (&self.blueprint.network, &self.blueprint.existing.network) {
            (Some(network), _) => (network.subnets.span, network.zones.span),
            (None, Some(network)) => (network.subnets.span, network.subnets.span),
            (None, None) => return,
        };
        let problem = if count == 0 {
            Diagnostic::error(format!("the network has no `{tier}` subnets"))
                .at(tier.span, format!("stands in `{tier}` subnets"))
                .also(subnets, "the network's subnets")
        } else {
            Diagnostic::error(reason)
                .at(tier.span, format!("the `{tier}` subnets are in {count}"))
                .also(zones, "the network's zones")
        };
        self.report(problem);
    }

    /// What somebody uses must give permissions.
    pub(crate) fn uses<'u>(
        &mut self,
        who: &str,
        uses: impl IntoIterator<Item = &'u Spanned<Reference>>,
    ) {
        for reference in uses.into_iter().filter(|it| it.access.is_none()) {
            let noun = with_article(reference.component.noun());
            self.report(
                Diagnostic::error(format!("{who} cannot use `{reference}`"))
                    .at(reference.span, format!("{noun} gives no permissions")),
            );
        }
    }

    /// Names are unique in an account, so the stack is part of them.
    pub(crate) fn name_length(&mut self, name: &str, at: Span, max: usize, what: &str) {
        let full = format!("{}-{name}", self.stack);
        if full.len() > max {
            let over = full.len() - max;
            self.report(
                Diagnostic::error(format!("the name `{full}` is too long for {what}"))
                    .at(at, format!("{over} of {} characters too many", full.len()))
                    .hint("Shorten this name or that of the blueprint."),
            );
        }
    }

    fn resolve(&mut self, mention: &Mention) {
        let Mention { place, component, name, span } = mention;
        if self.problems.len() > PROBLEMS_MAX {
            return;
        }
        let declared = match place {
            // Route 53 knows no regions: the zones of the blueprint are those of all its parts.
            Place::Here
                if *component == ComponentType::Zone
                    && !self.declared.has_name(*component, name) =>
            {
                self.home.declared
            }
            Place::Here => self.declared,
            Place::Home => self.home.declared,
            Place::Region(region) => {
                let regions = self.home.declared.regions.keys().map(String::as_str);
                let Some(declared) = self.home.declared.regions.get(region) else {
                    let problem = Diagnostic::error(format!("there is no region `{region}`"));
                    let meant = did_you_mean(region, regions.clone());
                    self.report(match meant {
                        Some(meant) => problem.at(*span, format!("did you mean `@{meant}`?")),
                        None => problem
                            .at(*span, "in a region that the blueprint does not have")
                            .hint(if self.home.declared.regions.is_empty() {
                                format!("Put the region into `regions`, or write `@{HOME}` for the blueprint's own.")
                            } else {
                                format!("Its `regions` are {}.", listed(regions))
                            }),
                    });
                    return;
                };
                declared
            }
        };
        if declared.has_name(*component, name) {
            return;
        }
        let names: Vec<&str> = declared.names(*component).collect();
        let noun = component.noun();
        let problem = Diagnostic::error(format!("no {noun} is called `{name}`"));
        let section = component.section();
        let home = std::ptr::eq(declared, self.home.declared);
        let whole = if home { "blueprint" } else { "region" };
        self.report(match did_you_mean(name, names.iter().copied()) {
            Some(meant) => problem.at(*span, format!("did you mean `{meant}`?")),
            None if names.is_empty() => {
                problem.at(*span, format!("the {whole} has no `{section}`"))
            }
            None => problem
                .at(*span, format!("not one of the `{section}`"))
                .hint(format!("The {whole} has {}.", listed(&names))),
        });
    }

    fn tags(&mut self) {
        const TAGS_MAX: usize = 45;
        const VALUE_MAX: usize = 256;
        let tags = &self.blueprint.tags;
        if let Some((key, value)) = tags.iter().nth(TAGS_MAX) {
            self.report(
                Diagnostic::error(format!("more than {TAGS_MAX} tags"))
                    .at(value.span, format!("`{key}` is one too many"))
                    .hint("AWS allows 50 on a resource, and platctl needs some."),
            );
        }
        for (key, value) in tags.iter().filter(|(_, value)| value.chars().count() > VALUE_MAX) {
            self.report(
                Diagnostic::error(format!("the value of tag `{key}` is too long"))
                    .at(value.span, format!("must have at most {VALUE_MAX} characters")),
            );
        }
        if let Some(region) = self.region.filter(|region| !region.is_known()) {
            let problem = Diagnostic::warning(format!("`{region}` is not a region platctl knows"));
            let span = self.blueprint.region.span;
            self.report(match region.nearest() {
                Some(meant) => problem.at(span, format!("did you mean `{meant}`?")),
                None => problem.at(span, "taken as it is"),
            });
        }
    }
}

/// Runs the check of one component, if there is one.
pub(crate) fn single<C: Component<Name = Name>>(
    component: Option<&Spanned<C>>,
    check: &mut Check<'_>,
) {
    if let Some(component) = component {
        let name = C::TYPE.as_str().parse().expect("the type of a single component is a name");
        component.value.check(&name, component.span, check);
    }
}

/// Runs the checks of all components of a type.
pub(crate) fn named<C: Component>(
    components: &BTreeMap<C::Name, Spanned<C>>,
    check: &mut Check<'_>,
) {
    for (name, component) in components {
        component.value.check(name, component.span, check);
    }
}

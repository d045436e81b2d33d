//! What goes wrong in a simulated cloud, and when: on command, for the next call that fits, or by chance.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::Verb;
use super::dice::Dice;
use crate::fault::Class;

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trouble {
    /// The cloud refuses and does nothing.
    Refuse(Class),
    /// A failure of the service (5xx), which has acted in every second case.
    Fail,
    /// The request never arrives.
    Cut,
    /// The cloud acts; its answer never comes.
    LoseAnswer,
    /// The cloud acts; its answer takes this much longer.
    Slow(Duration),
    /// The cloud takes the creation, and the thing never works.
    Break,
}

/// When trouble comes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    Always,
    /// For the next call that fits, and for no other.
    Once,
    /// With this probability, from 0 to 1.
    Chance(f64),
}

/// Trouble for some calls: `throttle=30%`, `lost@create:AWS::RDS::DBInstance`, `denied@AWS::EC2::*`.
#[derive(Clone, Debug, PartialEq)]
pub struct Mishap {
    pub trouble: Trouble,
    pub when: When,
    /// `None`: every call.
    pub verb: Option<Verb>,
    /// The kind's name, or its beginning before a `*`.
    pub kind: String,
}

/// What a text calls trouble, and what it means.
const WORDS: &[(&str, Trouble, &str)] = &[
    ("throttle", Trouble::Refuse(Class::Throttled), "refuse for the rate of requests"),
    ("fail", Trouble::Fail, "fail with a 5xx, having acted or not"),
    ("cut", Trouble::Cut, "cut the connection before the request"),
    ("lost", Trouble::LoseAnswer, "act, and lose the answer"),
    ("slow", Trouble::Slow(Duration::from_secs(20)), "answer 20 s late"),
    ("denied", Trouble::Refuse(Class::Denied), "refuse for lack of permission"),
    ("quota", Trouble::Refuse(Class::Quota), "refuse because a quota is used up"),
    ("busy", Trouble::Refuse(Class::Busy), "refuse because of another operation"),
    ("invalid", Trouble::Refuse(Class::Invalid), "refuse the values"),
    ("broken", Trouble::Break, "make what will never work"),
];

/// Why a text is no [`Mishap`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MishapError {
    #[error("`{0}` is no trouble that platctl can make; there are {words}", words = WORDS.iter().map(|(word, ..)| *word).collect::<Vec<_>>().join(", "))]
    Word(String),
    #[error("`{0}` is no probability; write it as `5%`")]
    Chance(String),
    #[error("`{0}` is none of read, create, update, delete")]
    Verb(String),
}

impl FromStr for Mishap {
    type Err = MishapError;

    /// `WORD[=CHANCE%][@[VERB:]KIND]`
    fn from_str(text: &str) -> Result<Self, MishapError> {
        let (what, whom) = text.split_once('@').unwrap_or((text, "*"));
        let (word, chance) = match what.split_once('=') {
            Some((word, chance)) => (word, Some(chance)),
            None => (what, None),
        };
        let known = WORDS.iter().find(|(known, ..)| *known == word);
        let trouble = known.ok_or_else(|| MishapError::Word(word.into()))?.1;
        let when = match chance {
            None => When::Always,
            Some(text) => {
                let percent = text.strip_suffix('%').and_then(|number| number.parse::<f64>().ok());
                let percent = percent.filter(|percent| (0.0..=100.0).contains(percent));
                let percent = percent.ok_or_else(|| MishapError::Chance(text.into()))?;
                When::Chance(percent / 100.0)
            }
        };
        // Kinds have two colons, verbs one.
        let verb_of = |(verb, rest): (&str, &str)| !rest.starts_with(':') && !verb.is_empty();
        let (verb, kind) = match whom.split_once(':').filter(|split| verb_of(*split)) {
            Some((verb, kind)) => (Some(verb.parse()?), kind),
            None => (None, whom),
        };
        Ok(Self { trouble, when, verb, kind: kind.into() })
    }
}

impl FromStr for Verb {
    type Err = MishapError;

    fn from_str(text: &str) -> Result<Self, MishapError> {
        let all = [Self::Read, Self::Create, Self::Update, Self::Delete];
        let found = all.into_iter().find(|verb| verb.to_string() == text);
        found.ok_or_else(|| MishapError::Verb(text.into()))
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        })
    }
}

/// The troubles that can be asked for, a line each: the word and its meaning.
pub fn words() -> impl Iterator<Item = (&'static str, &'static str)> {
    WORDS.iter().map(|(word, _, meaning)| (*word, *meaning))
}

/// The mishaps of a simulation, in the order in which they were asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Mishaps {
    armed: Vec<Mishap>,
    /// How many throws were made.
    throws: u64,
}

impl Mishaps {
    pub(super) fn new(armed: Vec<Mishap>) -> Self {
        Self { armed, throws: 0 }
    }

    pub(super) fn add(&mut self, mishap: Mishap) {
        self.armed.push(mishap);
    }

    pub(super) fn clear(&mut self) {
        self.armed.clear();
    }

    /// What this call runs into: the first that fits and comes.
    pub(super) fn strike(&mut self, dice: Dice, verb: Verb, kind: &str) -> Option<Trouble> {
        let mut throws = self.throws;
        let struck = self.armed.iter().position(|mishap| {
            mishap.fits(verb, kind)
                && match mishap.when {
                    When::Always | When::Once => true,
                    When::Chance(chance) => {
                        throws += 1;
                        dice.throw("fault", throws) < chance
                    }
                }
        });
        self.throws = throws;
        let at = struck?;
        let trouble = self.armed[at].trouble;
        if self.armed[at].when == When::Once {
            self.armed.remove(at);
        }
        Some(trouble)
    }
}

impl Mishap {
    fn fits(&self, verb: Verb, kind: &str) -> bool {
        let of_kind = match self.kind.strip_suffix('*') {
            Some(beginning) => kind.starts_with(beginning),
            None => kind == self.kind,
        };
        // Only what is created can be broken.
        let verb_fits = self.verb.is_none_or(|it| it == verb)
            && (self.trouble != Trouble::Break || verb == Verb::Create);
        of_kind && verb_fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mishap(text: &str) -> Result<Mishap, MishapError> {
        text.parse()
    }

    #[test]
    fn mishaps_are_written_short() {
        let everywhere = Mishap {
            trouble: Trouble::Refuse(Class::Throttled),
            when: When::Chance(0.3),
            verb: None,
            kind: "*".into(),
        };
        assert_eq!(mishap("throttle=30%"), Ok(everywhere));
        let one = Mishap {
            trouble: Trouble::LoseAnswer,
            when: When::Always,
            verb: Some(Verb::Create),
            kind: "AWS::RDS::DBInstance".into(),
        };
        assert_eq!(mishap("lost@create:AWS::RDS::DBInstance"), Ok(one));
        assert_eq!(mishap("lost@make:AWS::RDS::*"), Err(MishapError::Verb("make".into())));
        assert_eq!(mishap("denied@AWS::EC2::*").unwrap().kind, "AWS::EC2::*");
        assert_eq!(mishap("fire"), Err(MishapError::Word("fire".into())));
        assert_eq!(mishap("lost=7"), Err(MishapError::Chance("7".into())));
        assert_eq!(mishap("lost=101%"), Err(MishapError::Chance("101%".into())));
    }

    #[test]
    fn what_comes_once_comes_once_and_chance_is_what_it_says() {
        let dice = Dice::new(1);
        let mut mishaps = Mishaps::new(vec![mishap("denied@AWS::EC2::*").unwrap()]);
        mishaps.add(Mishap { when: When::Once, ..mishap("busy").unwrap() });
        assert_eq!(
            mishaps.strike(dice, Verb::Read, "AWS::EC2::VPC"),
            Some(Trouble::Refuse(Class::Denied))
        );
        assert_eq!(
            mishaps.strike(dice, Verb::Read, "AWS::IAM::Role"),
            Some(Trouble::Refuse(Class::Busy))
        );
        assert_eq!(mishaps.strike(dice, Verb::Read, "AWS::IAM::Role"), None);
        let mut mishaps = Mishaps::new(vec![mishap("lost=20%").unwrap()]);
        let struck = (0..1000).filter(|_| mishaps.strike(dice, Verb::Read, "x").is_some()).count();
        assert!((150..250).contains(&struck), "{struck}");
    }
}

//! Sealed state: every piece that is persisted (a state, a line of a journal) is encrypted and bound to its place.
//!
//! Envelope encryption: a piece is encrypted with a data key (AES-256-GCM), and the data key, wrapped by a KMS key or by
//! a key derived from a passphrase, stands in the piece. So each piece can be opened by itself. What is authenticated
//! with it names its place, so that pieces cannot change places, come from another stack, or go missing in the middle.
//!
//! A data key is made anew for every state that is written and serves the journal which continues it. Nonces are random
//! 96-bit numbers: after a million pieces under one key two are equal with a probability of 2⁻⁵⁷, and after
//! [`PIECES_MAX`] the key is refused.

mod key;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::aead::{AES_256_GCM, Aad, Nonce, RandomizedNonceKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

use crate::address::Stack;
use crate::cloud::base64;
use crate::cloud::data_key::{Context, KeyService};
use crate::fault::Fault;
use key::{Cost, Derivation, WrappedKey};

/// A text that nobody may see: wiped when it is dropped.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

/// The environment variable that holds the passphrase.
pub const PASSPHRASE_VARIABLE: &str = "PLATCTL_STATE_PASSPHRASE";
/// The environment variable that holds the one before.
pub const FORMER_PASSPHRASE_VARIABLE: &str = "PLATCTL_STATE_PASSPHRASE_OLD";

/// What wraps the data keys of what is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrap {
    /// Nothing: it is written as it is.
    Open,
    Passphrase,
    /// The KMS key of this id, ARN or alias.
    Kms(String),
}

/// How state is to be sealed.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// `None`: as it was found; what is new, with the passphrase if there is one.
    pub wrap: Option<Wrap>,
    /// Whether what is not sealed is refused. Else it is read, and sealed when it is written next.
    pub required: bool,
    pub passphrase: Option<Passphrase>,
    /// The one before: it opens what the present one does not.
    pub former_passphrase: Option<Passphrase>,
}

/// Opens and seals the pieces of one stack.
pub struct Seal {
    policy: Policy,
    service: Option<Arc<dyn KeyService>>,
    cost: Cost,
    memory: Mutex<Memory>,
}

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// A state: the checkpoint, or an earlier one of the history.
    State,
    /// A line of a journal.
    Journal,
}

/// Where a piece belongs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    pub stack: Stack,
    pub part: Part,
    pub lineage: String,
    pub serial: u64,
    /// Of the line in its journal, counted from zero; zero for a state.
    pub number: u64,
}

/// What is known of a piece before it is opened.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    pub stack: &'a Stack,
    pub part: Part,
    /// `None`: whatever it says.
    pub lineage: Option<&'a str>,
    /// `None`: whatever it says.
    pub serial: Option<u64>,
    pub number: u64,
}

/// Why a piece cannot be opened or sealed. The sentence is about the piece, which the caller names.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error("it is not sealed, and only what is sealed is accepted")]
    Unsealed,
    #[error("it is sealed with a passphrase, and none is given")]
    NoPassphrase,
    #[error("the passphrase does not open it")]
    WrongPassphrase,
    #[error("the KMS key {key} does not open it")]
    Unwrap {
        key: String,
        #[source]
        fault: Fault,
    },
    #[error("the KMS key {key} gives no key to seal it with")]
    Generate {
        key: String,
        #[source]
        fault: Fault,
    },
    #[error("the KMS key {key} is out of reach: nothing connects to AWS here")]
    NoService { key: String },
    #[error("it was changed after it was sealed, or is cut off")]
    Damaged,
    #[error("it was sealed as {found}, and stands where something else belongs")]
    Misplaced { found: Box<Place> },
    #[error("its seal has format {found}; this platctl reads up to {VERSION}")]
    Version { found: u32 },
    #[error("its seal cannot be read")]
    Format(#[source] serde_json::Error),
    #[error("the key of its passphrase would cost more memory or time than is sensible")]
    Costly,
    #[error("{PIECES_MAX} pieces were sealed with one key, and no key may seal more")]
    Exhausted,
    #[error("it cannot be encrypted")]
    Cipher,
}

const VERSION: u32 = 1;
/// NIST SP 800-38D, 8.3: with random nonces a key seals 2³² pieces at most.
const PIECES_MAX: u64 = 1 << 32;
/// How every sealed piece begins, and nothing else does that platctl writes.
const BEGINNING: &[u8] = br#"{"sealed":"#;

/// A key that is ready for use. The library wipes it when it goes.
type Key = Arc<RandomizedNonceKey>;

/// The keys of this process.
#[derive(Default)]
struct Memory {
    data_keys: BTreeMap<WrappedKey, Key>,
    /// Made from a passphrase, which takes its time.
    derived: Vec<(Derivation, Origin, Key)>,
    /// How the checkpoint is sealed.
    found: Option<Wrap>,
    /// What was asked for since.
    wanted: Option<Wrap>,
    writing: Writing,
}

/// Which passphrase a key was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Present,
    Former,
}

/// What seals the next piece.
#[derive(Default)]
enum Writing {
    /// Nobody has [asked](Seal::renew) for a key yet.
    #[default]
    Undecided,
    Open,
    Sealed {
        wrapped: WrappedKey,
        key: Key,
        pieces: u64,
    },
}

/// A sealed piece without its content: all of it is authenticated.
#[derive(Debug, Serialize)]
struct Header<'a> {
    sealed: u32,
    #[serde(flatten)]
    place: &'a Place,
    key: &'a WrappedKey,
}

/// A sealed piece, one line of JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    sealed: u32,
    stack: Stack,
    part: Part,
    lineage: String,
    serial: u64,
    number: u64,
    key: WrappedKey,
    nonce: Bytes,
    data: Bytes,
}

/// What is read first, to know how to read the rest.
#[derive(Deserialize)]
struct Version {
    sealed: u32,
}

/// Where a piece says that it belongs: to be believed once it is open.
#[derive(Deserialize)]
pub(super) struct Claims {
    pub(super) lineage: String,
    pub(super) serial: u64,
    pub(super) number: u64,
}

impl Seal {
    /// `service` leads to KMS; without it, what KMS has sealed stays shut.
    pub fn new(policy: Policy, service: Option<Arc<dyn KeyService>>) -> Self {
        Self { policy, service, cost: Cost::DEFAULT, memory: Mutex::default() }
    }

    /// By a passphrase whose key costs nothing.
    #[cfg(test)]
    pub(super) fn cheap(passphrase: &str) -> Self {
        let passphrase = Passphrase::new(passphrase.into());
        let policy = Policy { passphrase, ..Policy::default() };
        Self { cost: Cost { memory_kib: 8, passes: 1, lanes: 1 }, ..Self::new(policy, None) }
    }

    /// Neither seals nor opens anything.
    pub fn none() -> Self {
        Self::new(Policy::default(), None)
    }

    /// Whether a piece is sealed.
    pub fn is_sealed(bytes: &[u8]) -> bool {
        bytes.starts_with(BEGINNING)
    }

    /// Whether a journal must be sealed, as the checkpoint is.
    pub(super) fn takes_only_sealed(&self) -> bool {
        self.policy.required || !matches!(self.memory().found, None | Some(Wrap::Open))
    }

    /// Where a piece says that it belongs; `None` if it is not sealed.
    pub(super) fn claims(piece: &[u8]) -> Option<Claims> {
        if Self::is_sealed(piece) { serde_json::from_slice(piece).ok() } else { None }
    }

    /// What seals from now on, whatever was said before.
    pub fn wrap_with(&self, wrap: Wrap) {
        self.memory().wanted = Some(wrap);
    }

    /// How the checkpoint that was read is sealed; `None` before that.
    pub fn found(&self) -> Option<Wrap> {
        self.memory().found.clone()
    }

    /// The content of a piece, which must be the expected one. One that is not sealed is its content, unless sealing is
    /// required; a journal must be sealed if the state that it continues is.
    pub async fn open(&self, bytes: &[u8], expected: &Expected<'_>) -> Result<Vec<u8>, SealError> {
        if !Self::is_sealed(bytes) {
            let continues = expected.part == Part::Journal && self.takes_only_sealed();
            if self.policy.required || continues {
                return Err(SealError::Unsealed);
            }
            self.note_found(expected, Wrap::Open);
            return Ok(bytes.to_vec());
        }
        let Version { sealed } = serde_json::from_slice(bytes).map_err(SealError::Format)?;
        if sealed != VERSION {
            return Err(SealError::Version { found: sealed });
        }
        let envelope: Envelope = serde_json::from_slice(bytes).map_err(SealError::Format)?;
        let Envelope { sealed: _, stack, part, lineage, serial, number, key: wrapped, .. } =
            envelope;
        let place = Place { stack, part, lineage, serial, number };
        if !expected.is(&place) {
            return Err(SealError::Misplaced { found: Box::new(place) });
        }
        let key = self.unwrapped(&place.stack, &wrapped).await?;
        let nonce = Nonce::try_assume_unique_for_key(&envelope.nonce.0);
        let nonce = nonce.map_err(|_| SealError::Damaged)?;
        let mut content = envelope.data.0;
        let aad = Aad::from(authenticated(&place, &wrapped));
        let opened = key.open_in_place(nonce, aad, &mut content);
        let length = opened.map_err(|_| SealError::Damaged)?.len();
        content.truncate(length);
        self.note_found(expected, wrapped.wrap());
        Ok(content)
    }

    /// Takes a new data key for what is sealed from now on. Before each state that is written.
    pub async fn renew(&self, stack: &Stack) -> Result<(), SealError> {
        let writing = match self.wrap() {
            Wrap::Open => Writing::Open,
            Wrap::Passphrase => {
                let (wrapped, key) = self.wrapped_by_passphrase(stack)?;
                Writing::Sealed { wrapped, key, pieces: 0 }
            }
            Wrap::Kms(name) => {
                let service = self.service.as_ref();
                let service = service.ok_or_else(|| SealError::NoService { key: name.clone() })?;
                let made = service.generate(&name, &context(stack)).await;
                let made = made.map_err(|fault| SealError::Generate { key: name, fault })?;
                let key = ready(&made.plain.0)?;
                let wrapped = WrappedKey::Kms { key: made.key, wrapped: Bytes(made.wrapped) };
                Writing::Sealed { wrapped, key, pieces: 0 }
            }
        };
        let mut memory = self.memory();
        if let Writing::Sealed { wrapped, key, .. } = &writing {
            memory.data_keys.insert(wrapped.clone(), Arc::clone(key));
        }
        memory.writing = writing;
        Ok(())
    }

    /// The piece that holds `content`, on one line; the content itself where nothing is sealed. There must be a
    /// [data key](Self::renew).
    pub fn seal(&self, content: Vec<u8>, place: &Place) -> Result<Vec<u8>, SealError> {
        let (wrapped, key) = match &mut self.memory().writing {
            Writing::Undecided => return Err(SealError::Cipher),
            Writing::Open => return Ok(content),
            Writing::Sealed { pieces, .. } if *pieces == PIECES_MAX => {
                return Err(SealError::Exhausted);
            }
            Writing::Sealed { wrapped, key, pieces } => {
                *pieces += 1;
                (wrapped.clone(), Arc::clone(key))
            }
        };
        let (nonce, data) = encrypt(&key, authenticated(place, &wrapped), content)?;
        let Place { stack, part, lineage, serial, number } = place.clone();
        let envelope = Envelope {
            sealed: VERSION,
            stack,
            part,
            lineage,
            serial,
            number,
            key: wrapped,
            nonce,
            data,
        };
        Ok(serde_json::to_vec(&envelope).expect("an envelope always serializes"))
    }

    /// What wraps the next data key.
    pub fn wrap(&self) -> Wrap {
        let memory = self.memory();
        let wanted = memory.wanted.clone();
        let found = memory.found.clone().filter(|found| *found != Wrap::Open);
        let given = self.policy.passphrase.as_ref().map(|_| Wrap::Passphrase);
        wanted.or_else(|| self.policy.wrap.clone()).or(found).or(given).unwrap_or(Wrap::Open)
    }

    /// What is written next is sealed as the checkpoint is, not as an earlier state that somebody looks at.
    fn note_found(&self, expected: &Expected<'_>, wrap: Wrap) {
        if expected.part == Part::State && expected.serial.is_none() {
            self.memory().found = Some(wrap);
        }
    }

    async fn unwrapped(&self, stack: &Stack, wrapped: &WrappedKey) -> Result<Key, SealError> {
        if let Some(known) = self.memory().data_keys.get(wrapped) {
            return Ok(Arc::clone(known));
        }
        let key = match wrapped {
            WrappedKey::Kms { key: name, wrapped } => {
                let service = self.service.as_ref();
                let service = service.ok_or_else(|| SealError::NoService { key: name.clone() })?;
                let opened = service.unwrap(name, &wrapped.0, &context(stack)).await;
                let opened =
                    opened.map_err(|fault| SealError::Unwrap { key: name.clone(), fault })?;
                ready(&opened.0)?
            }
            WrappedKey::Passphrase { derivation, nonce, wrapped } => {
                self.opened_by_passphrase(stack, derivation, nonce, wrapped)?
            }
        };
        self.memory().data_keys.insert(wrapped.clone(), Arc::clone(&key));
        Ok(key)
    }

    fn opened_by_passphrase(
        &self,
        stack: &Stack,
        derivation: &Derivation,
        nonce: &Bytes,
        wrapped: &Bytes,
    ) -> Result<Key, SealError> {
        let Policy { passphrase, former_passphrase, .. } = &self.policy;
        if passphrase.is_none() && former_passphrase.is_none() {
            return Err(SealError::NoPassphrase);
        }
        for origin in [Origin::Present, Origin::Former] {
            let Some(derived) = self.derived(derivation, origin)? else { continue };
            let nonce = Nonce::try_assume_unique_for_key(&nonce.0);
            let nonce = nonce.map_err(|_| SealError::Damaged)?;
            let mut data_key = Zeroizing::new(wrapped.0.clone());
            let aad = Aad::from(authenticated_key(stack, derivation));
            if let Ok(data_key) = derived.open_in_place(nonce, aad, &mut data_key) {
                return ready(data_key);
            }
        }
        Err(SealError::WrongPassphrase)
    }

    fn wrapped_by_passphrase(&self, stack: &Stack) -> Result<(WrappedKey, Key), SealError> {
        // The same salt as long as the passphrase is the same: to derive its key takes long, and that is meant for
        // those who guess.
        let known = self.memory().derived.iter().find_map(|(derivation, origin, _)| {
            (*origin == Origin::Present && derivation.argon2id == self.cost)
                .then(|| derivation.clone())
        });
        let derivation = match known {
            Some(derivation) => derivation,
            None => Derivation::fresh(self.cost)?,
        };
        let derived = self.derived(&derivation, Origin::Present)?.ok_or(SealError::NoPassphrase)?;
        let mut data_key = Zeroizing::new([0; 32]);
        aws_lc_rs::rand::fill(&mut *data_key).map_err(|_| SealError::Cipher)?;
        let key = ready(&*data_key)?;
        let aad = authenticated_key(stack, &derivation);
        let (nonce, wrapped) = encrypt(&derived, aad, data_key.to_vec())?;
        Ok((WrappedKey::Passphrase { derivation, nonce, wrapped }, key))
    }

    /// The key of a passphrase; `None` if there is no such passphrase.
    fn derived(&self, derivation: &Derivation, origin: Origin) -> Result<Option<Key>, SealError> {
        let passphrase = match origin {
            Origin::Present => &self.policy.passphrase,
            Origin::Former => &self.policy.former_passphrase,
        };
        let Some(passphrase) = passphrase else { return Ok(None) };
        let known = self.memory().derived.iter().find_map(|(known, of, key)| {
            (known == derivation && *of == origin).then(|| Arc::clone(key))
        });
        if known.is_some() {
            return Ok(known);
        }
        let key = ready(&*derivation.derive(passphrase.0.as_bytes())?)?;
        self.memory().derived.push((derivation.clone(), origin, Arc::clone(&key)));
        Ok(Some(key))
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SealError {
    /// Whether no key opens the piece: it can only be replaced.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged | Self::Misplaced { .. } | Self::Format(_) => true,
            Self::Unsealed
            | Self::NoPassphrase
            | Self::WrongPassphrase
            | Self::Unwrap { .. }
            | Self::Generate { .. }
            | Self::NoService { .. }
            | Self::Version { .. }
            | Self::Costly
            | Self::Exhausted
            | Self::Cipher => false,
        }
    }
}

impl Expected<'_> {
    fn is(&self, found: &Place) -> bool {
        let Self { stack, part, lineage, serial, number } = *self;
        found.stack == *stack
            && found.part == part
            && lineage.is_none_or(|lineage| found.lineage == lineage)
            && serial.is_none_or(|serial| found.serial == serial)
            && found.number == number
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stack, part, lineage: _, serial, number } = self;
        match part {
            Part::State => write!(out, "the state of `{stack}`, serial {serial}"),
            Part::Journal => write!(out, "line {} of journal {serial} of `{stack}`", number + 1),
        }
    }
}

impl Passphrase {
    /// `None` if there is nothing in it.
    pub fn new(text: String) -> Option<Self> {
        let text = Zeroizing::new(text);
        (!text.is_empty()).then_some(Self(text))
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Passphrase")
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Seal").field("policy", &self.policy).finish_non_exhaustive()
    }
}

/// Bytes as base64.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&base64::encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        base64::decode(text).map(Self).map_err(de::Error::custom)
    }
}

fn ready(key: &[u8]) -> Result<Key, SealError> {
    RandomizedNonceKey::new(&AES_256_GCM, key).map(Arc::new).map_err(|_| SealError::Damaged)
}

fn encrypt(
    key: &RandomizedNonceKey,
    authenticated: Vec<u8>,
    mut content: Vec<u8>,
) -> Result<(Bytes, Bytes), SealError> {
    let nonce = key.seal_in_place_append_tag(Aad::from(authenticated), &mut content);
    let nonce = nonce.map_err(|_| SealError::Cipher)?;
    Ok((Bytes(nonce.as_ref().to_vec()), Bytes(content)))
}

/// What is authenticated with a piece.
fn authenticated(place: &Place, key: &WrappedKey) -> Vec<u8> {
    let header = Header { sealed: VERSION, place, key };
    serde_json::to_vec(&header).expect("a header always serializes")
}

/// What is authenticated with a data key that a passphrase wraps.
fn authenticated_key(stack: &Stack, derivation: &Derivation) -> Vec<u8> {
    serde_json::to_vec(&("platctl data key", stack, derivation))
        .expect("a derivation always serializes")
}

/// What KMS is told that a data key is for.
fn context(stack: &Stack) -> Context {
    [("platctl:stack".to_owned(), stack.as_str().to_owned())].into()
}

#[cfg(test)]
mod tests;

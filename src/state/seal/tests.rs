use futures::executor::block_on;
use futures::future::BoxFuture;

use super::*;
use crate::cloud::data_key::{DataKey, SecretBytes};
use crate::fault::Class;

const CHEAP: Cost = Cost { memory_kib: 8, passes: 1, lanes: 1 };
const KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/k-1";

/// Wraps by writing context and key behind each other, backwards.
struct FakeKms {
    denied: bool,
}

impl KeyService for FakeKms {
    fn generate<'a>(
        &'a self,
        key: &'a str,
        context: &'a Context,
    ) -> BoxFuture<'a, Result<DataKey, Fault>> {
        Box::pin(async move {
            if self.denied {
                return Err(Fault::new(Class::Denied, "no"));
            }
            let plain: [u8; 32] = rand::random();
            let mut wrapped = format!("{key} {context:?} ").into_bytes();
            wrapped.extend(plain);
            let plain = SecretBytes(Zeroizing::new(plain.to_vec()));
            Ok(DataKey { plain, wrapped, key: key.into() })
        })
    }

    fn unwrap<'a>(
        &'a self,
        key: &'a str,
        wrapped: &'a [u8],
        context: &'a Context,
    ) -> BoxFuture<'a, Result<SecretBytes, Fault>> {
        Box::pin(async move {
            let expected = format!("{key} {context:?} ");
            let plain = wrapped.strip_prefix(expected.as_bytes()).filter(|_| !self.denied);
            let plain = plain.ok_or_else(|| Fault::new(Class::Denied, "no"))?;
            Ok(SecretBytes(Zeroizing::new(plain.to_vec())))
        })
    }
}

fn passphrase(text: &str) -> Option<Passphrase> {
    Passphrase::new(text.into())
}

fn with(policy: Policy) -> Seal {
    Seal { cost: CHEAP, ..Seal::new(policy, Some(Arc::new(FakeKms { denied: false }))) }
}

fn by_passphrase(text: &str) -> Seal {
    with(Policy { passphrase: passphrase(text), ..Policy::default() })
}

fn by_kms() -> Seal {
    with(Policy { wrap: Some(Wrap::Kms(KEY.into())), ..Policy::default() })
}

fn shop() -> Stack {
    Stack::new("shop")
}

fn state(serial: u64) -> Place {
    Place { stack: shop(), part: Part::State, lineage: "l".into(), serial, number: 0 }
}

fn line(number: u64) -> Place {
    Place { part: Part::Journal, number, ..state(2) }
}

fn checkpoint(stack: &Stack) -> Expected<'_> {
    Expected { stack, part: Part::State, lineage: None, serial: None, number: 0 }
}

fn at(place: &Place) -> Expected<'_> {
    let Place { stack, part, lineage, serial, number } = place;
    Expected { stack, part: *part, lineage: Some(lineage), serial: Some(*serial), number: *number }
}

fn sealed(seal: &Seal, content: &str, place: &Place) -> Vec<u8> {
    block_on(seal.renew(&place.stack)).unwrap();
    seal.seal(content.into(), place).unwrap()
}

fn opened(seal: &Seal, bytes: &[u8], expected: &Expected<'_>) -> Result<String, SealError> {
    block_on(seal.open(bytes, expected)).map(|content| String::from_utf8(content).unwrap())
}

#[test]
fn what_is_sealed_is_one_line_that_hides_and_gives_back_its_content() {
    for seal in [by_passphrase("correct horse"), by_kms()] {
        let piece = sealed(&seal, "canary", &state(1));
        let text = String::from_utf8(piece.clone()).unwrap();
        assert!(Seal::is_sealed(&piece) && !text.contains("canary") && !text.contains('\n'));
        assert!(!text.contains("correct horse") && !text.contains(&base64::encode("canary")));
        let reader = Seal { cost: Cost::DEFAULT, ..with(seal.policy.clone()) };
        assert_eq!(opened(&reader, &piece, &checkpoint(&shop())).unwrap(), "canary");
        assert_eq!(reader.found(), Some(reader.wrap()));
    }
}

#[test]
fn nothing_is_sealed_unless_somebody_asks_and_then_it_stays_so() {
    let open = with(Policy::default());
    let piece = sealed(&open, "{}", &state(1));
    assert_eq!(piece, b"{}");
    assert_eq!(opened(&open, &piece, &checkpoint(&shop())).unwrap(), "{}");
    // Whoever has the way to the key needs no more than what the state says itself.
    let piece = sealed(&by_kms(), "{}", &state(1));
    opened(&open, &piece, &checkpoint(&shop())).unwrap();
    assert!(Seal::is_sealed(&sealed(&open, "{}", &state(2))));
}

#[test]
fn what_was_in_the_open_is_read_until_sealing_is_required() {
    let seal = by_passphrase("p");
    assert_eq!(opened(&seal, b"{}", &checkpoint(&shop())).unwrap(), "{}");
    assert!(Seal::is_sealed(&sealed(&seal, "{}", &state(2))), "sealed when it is written next");
    let strict = with(Policy { required: true, ..seal.policy.clone() });
    let refused = opened(&strict, b"{}", &checkpoint(&shop()));
    assert!(matches!(refused, Err(SealError::Unsealed)));
}

#[test]
fn a_sealed_state_takes_no_events_from_an_open_journal() {
    let seal = by_passphrase("p");
    let piece = sealed(&seal, "{}", &state(1));
    opened(&seal, &piece, &checkpoint(&shop())).unwrap();
    let refused = opened(&seal, b"{\"event\":\"gone\"}", &at(&line(1)));
    assert!(matches!(refused, Err(SealError::Unsealed)));
}

#[test]
fn a_piece_opens_at_its_own_place_only() {
    let seal = by_passphrase("p");
    let piece = sealed(&seal, "x", &line(3));
    assert_eq!(opened(&seal, &piece, &at(&line(3))).unwrap(), "x");
    let elsewhere = [
        line(4),
        Place { serial: 3, ..line(3) },
        Place { lineage: "m".into(), ..line(3) },
        Place { stack: Stack::new("mall"), ..line(3) },
        Place { part: Part::State, ..line(3) },
    ];
    for place in &elsewhere {
        let refused = opened(&seal, &piece, &at(place));
        assert!(matches!(refused, Err(SealError::Misplaced { .. })), "{place:?}");
        // Whoever writes another place into it does not have the key to make that good.
        let mut envelope: Envelope = serde_json::from_slice(&piece).unwrap();
        let Place { stack, part, lineage, serial, number } = place.clone();
        (envelope.stack, envelope.part, envelope.lineage) = (stack, part, lineage);
        (envelope.serial, envelope.number) = (serial, number);
        let forged = serde_json::to_vec(&envelope).unwrap();
        let refused = opened(&seal, &forged, &at(place));
        assert!(matches!(refused, Err(SealError::Damaged)), "{place:?}");
        // Nor does somebody who has the passphrase, and has not opened it before.
        let other = by_passphrase("p");
        assert!(opened(&other, &forged, &at(place)).is_err(), "{place:?}");
    }
}

#[test]
fn a_change_anywhere_is_seen() {
    let seal = by_kms();
    let piece = sealed(&seal, "a longer text, of which every byte counts", &state(1));
    for at in 0..piece.len() {
        let mut changed = piece.clone();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let read = opened(&seal, &changed, &checkpoint(&shop()));
        // At its very beginning it stops being a sealed piece, which no state begins with either.
        assert!(read.is_err() || at < BEGINNING.len(), "byte {at}");
    }
    for length in BEGINNING.len()..piece.len() {
        assert!(opened(&seal, &piece[..length], &checkpoint(&shop())).is_err(), "{length} bytes");
    }
}

#[test]
fn a_wrong_or_missing_passphrase_opens_nothing_and_the_former_one_still_does() {
    let piece = sealed(&by_passphrase("old"), "x", &state(1));
    let open = |policy: Policy| opened(&with(policy), &piece, &checkpoint(&shop()));
    assert!(matches!(open(Policy::default()), Err(SealError::NoPassphrase)));
    let wrong = Policy { passphrase: passphrase("new"), ..Policy::default() };
    assert!(matches!(open(wrong.clone()), Err(SealError::WrongPassphrase)));
    let both = with(Policy { former_passphrase: passphrase("old"), ..wrong.clone() });
    assert_eq!(opened(&both, &piece, &checkpoint(&shop())).unwrap(), "x");
    // What is written is sealed with the present one alone.
    let rotated = sealed(&both, "x", &state(2));
    assert_eq!(opened(&with(wrong), &rotated, &checkpoint(&shop())).unwrap(), "x");
    assert!(passphrase("").is_none());
}

#[test]
fn a_key_that_kms_denies_is_named() {
    let piece = sealed(&by_kms(), "x", &state(1));
    let denied: Arc<dyn KeyService> = Arc::new(FakeKms { denied: true });
    let policy = by_kms().policy.clone();
    let seal = Seal::new(policy.clone(), Some(denied));
    let error = opened(&seal, &piece, &checkpoint(&shop())).unwrap_err();
    assert!(
        matches!(&error, SealError::Unwrap { key, fault } if key == KEY && fault.is(Class::Denied))
    );
    let error = block_on(seal.renew(&shop())).unwrap_err();
    assert!(matches!(&error, SealError::Generate { key, .. } if key == KEY));
    let alone = Seal::new(policy, None);
    let error = opened(&alone, &piece, &checkpoint(&shop())).unwrap_err();
    assert!(matches!(error, SealError::NoService { .. }));
}

#[test]
fn each_state_has_a_data_key_of_its_own_and_each_piece_a_nonce() {
    let seal = by_passphrase("p");
    let read = |piece: &[u8]| serde_json::from_slice::<Envelope>(piece).unwrap();
    let (first, second) = (sealed(&seal, "x", &state(1)), seal.seal("x".into(), &line(0)).unwrap());
    let third = sealed(&seal, "x", &state(2));
    let [first, second, third] = [&first, &second, &third].map(|piece| read(piece));
    assert_eq!(first.key, second.key);
    assert_ne!(first.nonce, second.nonce);
    assert_ne!(first.key, third.key);
    // The passphrase's key is derived once for all.
    assert_eq!(seal.memory().derived.len(), 1);
}

#[test]
fn a_newer_seal_is_refused_by_its_number() {
    let seal = by_kms();
    let refused = opened(&seal, br#"{"sealed":7,"by":"moonlight"}"#, &checkpoint(&shop()));
    assert!(matches!(refused, Err(SealError::Version { found: 7 })));
}

#[test]
fn a_key_that_has_sealed_enough_seals_no_more() {
    let seal = by_kms();
    sealed(&seal, "x", &state(1));
    if let Writing::Sealed { pieces, .. } = &mut seal.memory().writing {
        *pieces = PIECES_MAX;
    }
    assert!(matches!(seal.seal("x".into(), &line(0)), Err(SealError::Exhausted)));
    sealed(&seal, "x", &state(2));
}

#[test]
fn no_secret_has_a_text() {
    let seal = by_passphrase("canary");
    sealed(&seal, "x", &state(1));
    assert!(!format!("{seal:?}").contains("canary"));
}

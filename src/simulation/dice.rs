//! Chance that can be repeated: every throw is a function of the seed and of what it is thrown for, so that a run that
//! goes the same way falls the same way.

use std::hash::Hasher as _;

/// Throws of one seed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dice {
    seed: u64,
}

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// Evenly from 0 to just below 1.
    pub(super) fn throw(self, what: &str, number: u64) -> f64 {
        let mut hash = Fnv(self.seed ^ 0xcbf2_9ce4_8422_2325);
        hash.write(what.as_bytes());
        hash.write_u64(number);
        let bits = mixed(hash.finish());
        let high = u32::try_from(bits >> 32).expect("32 bits are left");
        f64::from(high) / WHOLE
    }
}

/// What 32 bits can tell apart.
const WHOLE: f64 = 4_294_967_296.0;

/// FNV-1a: the standard library's hasher may change between versions, and seeds are kept in bug reports.
struct Fnv(u64);

impl std::hash::Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// The finalizer of `SplitMix64`: FNV's high bits are poor for short texts.
fn mixed(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throws_are_even_and_can_be_repeated() {
        let dice = Dice::new(7);
        let throws: Vec<f64> = (0..10_000).map(|number| dice.throw("x", number)).collect();
        let again: Vec<f64> = (0..10_000).map(|number| dice.throw("x", number)).collect();
        let others: Vec<f64> = (0..10_000).map(|number| Dice::new(8).throw("x", number)).collect();
        assert!(throws == again && throws != others);
        for tenth in 0..10 {
            let (from, to) = (f64::from(tenth) / 10.0, f64::from(tenth + 1) / 10.0);
            let fallen = throws.iter().filter(|throw| (from..to).contains(*throw)).count();
            assert!((900..1100).contains(&fallen), "{fallen} between {from} and {to}");
        }
    }
}

//! Wrapped data keys, and keys from passphrases.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize as _, Zeroizing};

use super::{Bytes, SealError, Wrap};

/// A data key as it stands in a piece.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum WrappedKey {
    Kms {
        /// The ARN of the KMS key.
        key: String,
        wrapped: Bytes,
    },
    Passphrase {
        derivation: Derivation,
        nonce: Bytes,
        wrapped: Bytes,
    },
}

/// How a key is made from a passphrase, by Argon2id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Derivation {
    pub(super) argon2id: Cost,
    pub(super) salt: Bytes,
}

/// What a guess costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Cost {
    pub(super) memory_kib: u32,
    pub(super) passes: u32,
    pub(super) lanes: u32,
}

const SALT_LEN: usize = 16;

impl Cost {
    /// RFC 9106, section 4: the second recommended option, for where memory is not plentiful.
    pub(super) const DEFAULT: Self = Self { memory_kib: 64 * 1024, passes: 3, lanes: 4 };
    /// A file that somebody else wrote must not take all memory, nor minutes.
    const MAX: Self = Self { memory_kib: 1024 * 1024, passes: 16, lanes: 16 };
}

impl WrappedKey {
    /// What wraps it.
    pub(super) fn wrap(&self) -> Wrap {
        match self {
            Self::Kms { key, .. } => Wrap::Kms(key.clone()),
            Self::Passphrase { .. } => Wrap::Passphrase,
        }
    }
}

impl Derivation {
    /// With a salt of its own.
    pub(super) fn fresh(argon2id: Cost) -> Result<Self, SealError> {
        let mut salt = vec![0; SALT_LEN];
        aws_lc_rs::rand::fill(&mut salt).map_err(|_| SealError::Cipher)?;
        Ok(Self { argon2id, salt: Bytes(salt) })
    }

    pub(super) fn derive(&self, passphrase: &[u8]) -> Result<Zeroizing<[u8; 32]>, SealError> {
        let Cost { memory_kib, passes, lanes } = self.argon2id;
        if memory_kib > Cost::MAX.memory_kib || passes > Cost::MAX.passes || lanes > Cost::MAX.lanes
        {
            return Err(SealError::Costly);
        }
        let params = Params::new(memory_kib, passes, lanes, Some(32));
        let params = params.map_err(|_| SealError::Costly)?;
        let mut blocks = vec![Block::new(); params.block_count()];
        let mut key = Zeroizing::new([0; 32]);
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let derived = argon2.hash_password_into_with_memory(
            passphrase,
            &self.salt.0,
            &mut *key,
            &mut blocks[..],
        );
        // The last blocks give the key away.
        for block in &mut blocks {
            block.as_mut().zeroize();
        }
        derived.map_err(|_| SealError::Costly)?;
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_what_argon2id_makes_of_passphrase_and_salt() {
        // RFC 9106 has no vector without secret and data; this is the reference implementation's:
        // `echo -n password | argon2 somesalt -id -t 2 -k 65536 -p 1`.
        let derivation = Derivation {
            argon2id: Cost { memory_kib: 65536, passes: 2, lanes: 1 },
            salt: Bytes(b"somesalt".to_vec()),
        };
        assert_eq!(
            hex::encode(*derivation.derive(b"password").unwrap()),
            "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"
        );
    }

    #[test]
    fn a_cost_beyond_reason_is_refused() {
        for argon2id in [
            Cost { memory_kib: u32::MAX, ..Cost::DEFAULT },
            Cost { passes: 1000, ..Cost::DEFAULT },
            Cost { lanes: 100, ..Cost::DEFAULT },
            Cost { memory_kib: 0, ..Cost::DEFAULT },
        ] {
            let derivation = Derivation::fresh(argon2id).unwrap();
            assert!(matches!(derivation.derive(b"x"), Err(SealError::Costly)), "{argon2id:?}");
        }
    }
}

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::{digest, hmac};
use subtwin_kernel::{Entropy, KeyBytes};
use zeroize::Zeroizing;

/// Seals bytes with AES-256-GCM. Whatever `context` they were sealed for is needed to open them.
pub(crate) struct Seal {
    key: KeyBytes,
    cipher: LessSafeKey,
    names: hmac::Key,
    entropy: Arc<dyn Entropy>,
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(…)")
    }
}

impl Seal {
    pub(crate) fn new(key: &KeyBytes, entropy: Arc<dyn Entropy>) -> Result<Self, Unspecified> {
        let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.expose())?);
        let root = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
        let names = hmac::sign(&root, b"subtwin names of sealed values");
        let names = hmac::Key::new(hmac::HMAC_SHA256, names.as_ref());
        Ok(Self { key: key.clone(), cipher, names, entropy })
    }

    /// With a new random key.
    pub(crate) fn generate(entropy: Arc<dyn Entropy>) -> Result<Self, Unspecified> {
        let mut key = Zeroizing::new([0; 32]);
        entropy.fill(key.as_mut_slice());
        Self::new(&KeyBytes::new(*key), entropy)
    }

    /// Its key, sealed with another one.
    pub(crate) fn wrap(&self, with: &KeyBytes) -> Result<Vec<u8>, Unspecified> {
        Self::new(with, Arc::clone(&self.entropy))?.seal(WRAPPING, self.key.expose())
    }

    /// From what [`Seal::wrap`] gave.
    pub(crate) fn unwrap(
        with: &KeyBytes,
        wrapped: &[u8],
        entropy: Arc<dyn Entropy>,
    ) -> Result<Self, Unspecified> {
        let key = Self::new(with, Arc::clone(&entropy))?.open(WRAPPING, wrapped)?;
        let key = <[u8; 32]>::try_from(key.as_slice()).map_err(|_| Unspecified)?;
        Self::new(&KeyBytes::new(key), entropy)
    }

    /// Nonce, ciphertext, tag.
    pub(crate) fn seal(&self, context: &str, plain: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let mut nonce = [0; NONCE_LEN];
        self.entropy.fill(&mut nonce);
        let mut buffer = Zeroizing::new(plain.to_vec());
        let tag = self.cipher.seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(context),
            &mut buffer,
        )?;
        Ok([&nonce, buffer.as_slice(), tag.as_ref()].concat())
    }

    pub(crate) fn open(
        &self,
        context: &str,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Unspecified> {
        let (nonce, rest) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(Unspecified)?;
        let mut buffer = Zeroizing::new(rest.to_vec());
        let length = self
            .cipher
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(context), &mut buffer)?
            .len();
        buffer.truncate(length);
        Ok(buffer)
    }

    /// What a sealed value is filed under: its name cannot be read from the disk.
    pub(crate) fn file_name(&self, name: &str) -> Vec<u8> {
        hmac::sign(&self.names, name.as_bytes()).as_ref().to_vec()
    }
}

/// Tells keys apart without telling anything about them: they are 256 random bits.
pub(crate) fn fingerprint(key: &KeyBytes) -> Vec<u8> {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(b"subtwin key fingerprint\0");
    context.update(key.expose());
    context.finish().as_ref().iter().take(8).copied().collect()
}

const WRAPPING: &str = "subtwin data key";

#[cfg(test)]
mod tests {
    use subtwin_kernel::SystemEntropy;

    use super::*;

    #[test]
    fn any_changed_bit_and_any_other_name_or_key_opens_nothing() {
        let entropy: Arc<dyn Entropy> = Arc::new(SystemEntropy::default());
        let seal = Seal::new(&KeyBytes::new([1; 32]), Arc::clone(&entropy)).unwrap();
        let sealed = seal.seal("token", b"eyJ0").unwrap();
        assert_eq!(seal.open("token", &sealed).unwrap().as_slice(), b"eyJ0");
        assert!(seal.open("other", &sealed).is_err());
        let other = Seal::new(&KeyBytes::new([2; 32]), entropy).unwrap();
        assert!(other.open("token", &sealed).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(seal.open("token", &changed).is_err(), "byte {at}");
            assert!(seal.open("token", &sealed[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn the_same_text_sealed_twice_looks_different() {
        let seal = Seal::new(&KeyBytes::new([1; 32]), Arc::new(SystemEntropy::default())).unwrap();
        assert_ne!(seal.seal("token", b"eyJ0").unwrap(), seal.seal("token", b"eyJ0").unwrap());
    }
}

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::Entropy;

/// A text that must not be seen: a token, a code, a password. Cannot be printed or
/// serialised, and is wiped when dropped.
///
/// ```
/// let token = subtwin_kernel::Secret::new("eyJ0…".to_owned());
/// assert_eq!(format!("{token:?}"), "Secret(…)");
/// ```
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes a secret in.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(text.into())
    }

    /// A new password: 20 characters that are not taken for each other, of four kinds, over 100
    /// bits.
    #[must_use]
    pub fn new_password(entropy: &dyn Entropy) -> Self {
        const KINDS: [&[u8]; 4] =
            [b"ABCDEFGHJKLMNPQRSTUVWXYZ", b"abcdefghijkmnpqrstuvwxyz", b"23456789", b"-+=?!#%"];
        const ALL: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789-+=?!#%";
        let mut text = Zeroizing::new(String::with_capacity(20));
        let mut byte = Zeroizing::new([0]);
        while text.len() < 20 {
            entropy.fill(&mut *byte);
            let [drawn] = *byte;
            // One of each kind first, which every password policy asks for; then any.
            let from = KINDS.get(text.len()).copied().unwrap_or(ALL);
            let drawn = usize::from(drawn);
            // What does not divide evenly would prefer the first characters.
            let even = 256 - 256 % from.len();
            if let Some(c) = from.get(drawn % from.len()).filter(|_| drawn < even) {
                text.push(char::from(*c));
            }
        }
        Self(SecretString::from(text.as_str()))
    }

    /// The one way out. The caller hands it straight to a header, a form or a cipher.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// In constant time: for telling messages apart, never for checking what somebody presents.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose().as_bytes().ct_eq(other.expose().as_bytes()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What a notification must carry to be ours (`clientState`, at most 128 characters).
#[derive(Clone, Debug)]
pub struct ClientState(Secret);

impl ClientState {
    /// The state a subscription is made with.
    #[must_use]
    pub const fn new(secret: Secret) -> Self {
        Self(secret)
    }

    /// For the request that makes the subscription, and for sealed storage.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Compares in constant time.
    #[must_use]
    pub fn matches(&self, presented: &str) -> bool {
        self.expose().as_bytes().ct_eq(presented.as_bytes()).into()
    }
}

/// A 256-bit key. Wiped when dropped, never printed.
#[derive(Clone)]
pub struct KeyBytes(Zeroizing<[u8; 32]>);

impl KeyBytes {
    /// Takes key bytes in.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A new key.
    #[must_use]
    pub fn random(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; 32];
        entropy.fill(&mut bytes);
        Self::new(bytes)
    }

    /// The key as text, to be sealed.
    #[must_use]
    pub fn to_text(&self) -> Secret {
        Secret::new(hex::encode(self.expose()))
    }

    /// Reads what [`KeyBytes::to_text`] wrote.
    ///
    /// # Errors
    /// When it is not a key.
    pub fn from_text(text: &Secret) -> Result<Self, hex::FromHexError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.expose(), &mut bytes)?;
        Ok(Self::new(bytes))
    }

    /// The bytes, for a cipher.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for KeyBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyBytes(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededEntropy;

    #[test]
    fn a_new_password_has_every_kind_of_character_and_is_another_each_time() {
        let entropy = SeededEntropy::new(7);
        let made: Vec<_> = (0..100).map(|_| Secret::new_password(&entropy)).collect();
        for secret in &made {
            let text = secret.expose();
            assert_eq!(text.len(), 20);
            for kind in [char::is_uppercase, char::is_lowercase, char::is_numeric] {
                assert!(text.chars().any(kind));
            }
            assert!(text.chars().any(|c| !c.is_alphanumeric()));
        }
        let mut all: Vec<_> = made.iter().map(Secret::expose).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 100);
    }
}

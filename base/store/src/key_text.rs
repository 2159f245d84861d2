use base64::prelude::{BASE64_STANDARD, Engine as _};
use subtwin_kernel::{KeyBytes, Secret};
use zeroize::Zeroizing;

/// A key as a file, an environment variable and a keyring hold it: its 32 bytes in base64.
#[derive(Debug)]
pub struct KeyText;

impl KeyText {
    /// Writes a key.
    #[must_use]
    pub fn of(key: &KeyBytes) -> Secret {
        Secret::new(BASE64_STANDARD.encode(key.expose()))
    }

    /// Reads a key; white space around it does not count. `None` when it is not 32 bytes in base64.
    #[must_use]
    pub fn read(text: &str) -> Option<KeyBytes> {
        let bytes = Zeroizing::new(BASE64_STANDARD.decode(text.trim()).ok()?);
        Some(KeyBytes::new(bytes.as_slice().try_into().ok()?))
    }
}

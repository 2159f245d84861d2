use std::error::Error;
use std::fmt;

use subtwin_kernel::{Entropy, KeyBytes, Secret};

use crate::KeyText;

/// A key could not be read from the keyring or put there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// None answers, as on a server where nobody is logged in.
    #[error(
        "no keyring answers; one belongs to a person's session, so keep the key in a file or an \
         environment variable where there is none"
    )]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// It is locked, and nobody unlocked it.
    #[error("the keyring is locked, and nobody unlocked it; unlock it and try again")]
    Locked,
    /// It holds nothing of this name.
    #[error(
        "the keyring holds nothing named `{name}`; make it with `subtwin keys new --keyring {name}`"
    )]
    Absent {
        /// The name.
        name: String,
    },
    /// It holds something of this name already.
    #[error("the keyring holds something named `{name}` already; it is not replaced")]
    Taken {
        /// The name.
        name: String,
    },
    /// What it holds is no key, or is there twice.
    #[error("what the keyring holds as `{name}` is not one key of 32 bytes in base64")]
    Malformed {
        /// The name.
        name: String,
    },
}

/// The operating system's store of passwords.
pub trait Keyring: fmt::Debug {
    /// What is kept under a name.
    ///
    /// # Errors
    /// When no keyring answers, it stays locked, or it holds several under that name.
    fn find(&self, name: &str) -> Result<Option<Secret>, KeyringError>;

    /// Keeps something under a name that is free.
    ///
    /// # Errors
    /// When no keyring answers or it stays locked.
    fn add(&self, name: &str, value: &Secret) -> Result<(), KeyringError>;
}

/// Reads the key kept under a name.
///
/// # Errors
/// When there is none, or the keyring does not work.
pub fn read_from_keyring(keyring: &dyn Keyring, name: &str) -> Result<KeyBytes, KeyringError> {
    let found = keyring.find(name)?;
    let found = found.ok_or_else(|| KeyringError::Absent { name: name.to_owned() })?;
    KeyText::read(found.expose()).ok_or_else(|| KeyringError::Malformed { name: name.to_owned() })
}

/// Makes a new key and keeps it under a name. Never replaces what is there.
///
/// # Errors
/// When there is something of that name, or the keyring does not work.
pub fn create_in_keyring(
    keyring: &dyn Keyring,
    name: &str,
    entropy: &dyn Entropy,
) -> Result<KeyBytes, KeyringError> {
    if keyring.find(name)?.is_some() {
        return Err(KeyringError::Taken { name: name.to_owned() });
    }
    let key = KeyBytes::random(entropy);
    keyring.add(name, &KeyText::of(&key))?;
    // What it keeps is what it gives back: the only copy is there.
    if read_from_keyring(keyring, name)?.expose() != key.expose() {
        return Err(KeyringError::Malformed { name: name.to_owned() });
    }
    Ok(key)
}

/// The keyring of the person whose session this is: Secret Service over D-Bus (GNOME Keyring, KDE
/// Wallet, KeePassXC), or macOS's Keychain.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemKeyring;

#[cfg(not(target_os = "macos"))]
impl Keyring for SystemKeyring {
    fn find(&self, name: &str) -> Result<Option<Secret>, KeyringError> {
        secret_service::find(name)
    }

    fn add(&self, name: &str, value: &Secret) -> Result<(), KeyringError> {
        secret_service::add(name, value)
    }
}

#[cfg(not(target_os = "macos"))]
mod secret_service {
    use std::collections::HashMap;

    use dbus_secret_service::{EncryptionType, SecretService};
    use subtwin_kernel::Secret;
    use zeroize::Zeroizing;

    use super::KeyringError;

    pub(super) fn find(name: &str) -> Result<Option<Secret>, KeyringError> {
        let service = connect()?;
        let mut found = service.search_items(attributes(name)).map_err(failed)?;
        if let [locked] = found.locked.as_slice() {
            locked.ensure_unlocked().or_else(|_| locked.unlock()).map_err(failed)?;
        }
        let mut items = std::mem::take(&mut found.unlocked);
        items.append(&mut found.locked);
        let malformed = || KeyringError::Malformed { name: name.to_owned() };
        match items.as_slice() {
            [] => Ok(None),
            [item] => {
                let bytes = Zeroizing::new(item.get_secret().map_err(failed)?);
                let text = std::str::from_utf8(&bytes).map_err(|_| malformed())?;
                Ok(Some(Secret::new(text.to_owned())))
            }
            _ => Err(malformed()),
        }
    }

    pub(super) fn add(name: &str, value: &Secret) -> Result<(), KeyringError> {
        let service = connect()?;
        let collection = service.get_default_collection().map_err(failed)?;
        if collection.is_locked().map_err(failed)? {
            collection.unlock().map_err(failed)?;
        }
        let label = format!("subtwin: {name}");
        let secret = value.expose().as_bytes();
        collection
            .create_item(&label, attributes(name), secret, false, "text/plain")
            .map(|_| ())
            .map_err(failed)
    }

    // The session bus is a socket of this machine that only this user may open, and whoever may
    // open it may ask the keyring itself: encryption on it would hide nothing from anybody.
    fn connect() -> Result<SecretService, KeyringError> {
        SecretService::connect_with_max_prompt_timeout(EncryptionType::Plain, PROMPT_SECONDS)
            .map_err(failed)
    }

    /// As other programs name what they keep, so that people find it with their own tools.
    fn attributes(name: &str) -> HashMap<&str, &str> {
        HashMap::from([("service", "subtwin"), ("username", name)])
    }

    fn failed(cause: dbus_secret_service::Error) -> KeyringError {
        match cause {
            dbus_secret_service::Error::Locked | dbus_secret_service::Error::Prompt => {
                KeyringError::Locked
            }
            other => KeyringError::Unavailable(other.to_string().into()),
        }
    }

    /// How long a person may take to unlock it.
    const PROMPT_SECONDS: u64 = 60;
}

#[cfg(target_os = "macos")]
impl Keyring for SystemKeyring {
    fn find(&self, name: &str) -> Result<Option<Secret>, KeyringError> {
        use zeroize::Zeroizing;
        const NOT_FOUND: i32 = -25300; // errSecItemNotFound
        match security_framework::passwords::get_generic_password("subtwin", name) {
            Ok(bytes) => {
                let bytes = Zeroizing::new(bytes);
                let text = std::str::from_utf8(&bytes)
                    .map_err(|_| KeyringError::Malformed { name: name.to_owned() })?;
                Ok(Some(Secret::new(text.to_owned())))
            }
            Err(cause) if cause.code() == NOT_FOUND => Ok(None),
            Err(cause) => Err(KeyringError::Unavailable(Box::new(cause))),
        }
    }

    fn add(&self, name: &str, value: &Secret) -> Result<(), KeyringError> {
        let value = value.expose().as_bytes();
        security_framework::passwords::set_generic_password("subtwin", name, value)
            .map_err(|cause| KeyringError::Unavailable(Box::new(cause)))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::HashMap;

    use subtwin_kernel::SeededEntropy;

    use super::*;

    /// A keyring in memory, which may garble what it keeps.
    #[derive(Debug, Default)]
    struct Double {
        kept: RefCell<HashMap<String, String>>,
        garbles: bool,
    }

    impl Keyring for Double {
        fn find(&self, name: &str) -> Result<Option<Secret>, KeyringError> {
            Ok(self.kept.borrow().get(name).cloned().map(Secret::new))
        }

        fn add(&self, name: &str, value: &Secret) -> Result<(), KeyringError> {
            let kept = if self.garbles { "garbled" } else { value.expose() };
            self.kept.borrow_mut().insert(name.to_owned(), kept.to_owned());
            Ok(())
        }
    }

    #[test]
    fn a_key_in_the_keyring_reads_back_and_is_never_replaced() {
        let (keyring, entropy) = (Double::default(), SeededEntropy::new(1));
        let made = create_in_keyring(&keyring, "contoso", &entropy).unwrap();
        let read = read_from_keyring(&keyring, "contoso").unwrap();
        assert_eq!(read.expose(), made.expose());
        let taken = create_in_keyring(&keyring, "contoso", &entropy).unwrap_err();
        assert!(matches!(taken, KeyringError::Taken { .. }), "{taken}");
        assert_eq!(read_from_keyring(&keyring, "contoso").unwrap().expose(), made.expose());
    }

    #[test]
    fn what_is_not_there_or_is_no_key_says_so_without_showing_it() {
        let keyring = Double::default();
        let absent = read_from_keyring(&keyring, "contoso").unwrap_err();
        assert!(absent.to_string().contains("subtwin keys new --keyring contoso"), "{absent}");
        keyring.kept.borrow_mut().insert("contoso".to_owned(), "hunter2".to_owned());
        let malformed = read_from_keyring(&keyring, "contoso").unwrap_err();
        assert!(!format!("{malformed} {malformed:?}").contains("hunter2"), "{malformed}");
    }

    #[test]
    fn a_keyring_that_does_not_give_back_what_it_took_makes_no_key() {
        let keyring = Double { garbles: true, ..Double::default() };
        let refused = create_in_keyring(&keyring, "contoso", &SeededEntropy::new(1)).unwrap_err();
        assert!(matches!(refused, KeyringError::Malformed { .. }), "{refused}");
    }
}

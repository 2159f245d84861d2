use std::collections::VecDeque;
use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;

/// A password or a temporary access pass of somebody in the tenant: never printed.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether this is what was typed, in constant time.
    pub(crate) fn is(&self, typed: &str) -> bool {
        verify_slices_are_equal(self.0.as_bytes(), typed.as_bytes()).is_ok()
    }

    /// For the one answer that shows it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The newest secrets that were handed to somebody, so that a copy of one in a chat message can be
/// recognised and kept out of captured exchanges.
#[derive(Debug, Default)]
pub(crate) struct Told(VecDeque<Secret>);

impl Told {
    pub(crate) fn add(&mut self, secret: Secret) {
        if self.0.len() >= KEPT {
            self.0.pop_front();
        }
        self.0.push_back(secret);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Secret> {
        self.0.iter()
    }
}

const KEPT: usize = 256;

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_secret_is_compared_and_never_printed() {
        let secret = Secret::new("Sandbox!1");
        assert!(secret.is("Sandbox!1"));
        assert!(!secret.is("Sandbox!2") && !secret.is(""));
        assert_eq!(format!("{secret:?}"), "Secret");
    }
}

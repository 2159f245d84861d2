use std::fmt;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use signed_note::{
    Note, Signer as _, StandardSigner, StandardVerifier, Verifier as _, VerifierList,
    is_key_name_valid, key_id,
};
use subtwin_kernel::KeyBytes;
use tlog_tiles::{Checkpoint, Hash};
use zeroize::Zeroizing;

use crate::RecordError;

/// Ed25519's algorithm number in the C2SP signed-note format.
const ED25519: u8 = 1;

/// Signs tree heads as one log.
pub(crate) struct Signer {
    signer: StandardSigner,
    vkey: String,
}

impl Signer {
    /// Signs as `origin` with the key grown from `seed`. Nothing if that cannot name a log.
    pub(crate) fn new(origin: &str, seed: &KeyBytes) -> Option<Self> {
        if !is_key_name_valid(origin) || origin.chars().any(char::is_control) {
            return None;
        }
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose()).ok()?;
        let public = [&[ED25519], pair.public_key().as_ref()].concat();
        let private = Zeroizing::new([&[ED25519], seed.expose().as_slice()].concat());
        let id = key_id(origin, &public);
        let encoded = Zeroizing::new(BASE64_STANDARD.encode(&private));
        let key = Zeroizing::new(format!("PRIVATE+KEY+{origin}+{id:08x}+{}", *encoded));
        let vkey = format!("{origin}+{id:08x}+{}", BASE64_STANDARD.encode(public));
        Some(Self { signer: StandardSigner::new(&key).ok()?, vkey })
    }

    /// The key that verifies what this signs.
    pub(crate) fn vkey(&self) -> &str {
        &self.vkey
    }

    /// A signed tree head.
    pub(crate) fn sign(&self, size: u64, root: Hash) -> Result<String, RecordError> {
        let damaged = |what: String| RecordError::Damaged { what };
        let head = Checkpoint::new(self.signer.name(), size, root, "")
            .map_err(|cause| damaged(cause.to_string()))?;
        let mut note =
            Note::new(&head.to_bytes(), &[]).map_err(|cause| damaged(cause.to_string()))?;
        note.add_sigs(&[&self.signer]).map_err(|cause| damaged(cause.to_string()))?;
        String::from_utf8(note.to_bytes()).map_err(|cause| damaged(cause.to_string()))
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("vkey", &self.vkey).finish_non_exhaustive()
    }
}

/// Whether a text is a verifier key, written as we write it.
pub(crate) fn is_vkey(text: &str) -> bool {
    let id = text.split('+').nth(1).unwrap_or_default();
    StandardVerifier::new(text).is_ok() && !id.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// The tree head in a signed checkpoint, if `vkey` verifies it and it is that key's log's.
///
/// # Errors
/// In words.
pub(crate) fn verify(text: &[u8], vkey: &str) -> Result<Checkpoint, String> {
    let verifier =
        StandardVerifier::new(vkey.trim_end()).map_err(|cause| format!("verifier key: {cause}"))?;
    let origin = verifier.name().to_owned();
    let note = Note::from_bytes(text).map_err(|cause| format!("checkpoint: {cause}"))?;
    note.verify(&VerifierList::new(vec![Box::new(verifier)]))
        .map_err(|cause| format!("checkpoint: {cause}"))?;
    let head =
        Checkpoint::from_bytes(note.text()).map_err(|cause| format!("checkpoint: {cause}"))?;
    if head.origin() == origin {
        Ok(head)
    } else {
        Err(format!("checkpoint: it is of `{}`, not of `{origin}`", head.origin()))
    }
}

use std::path::Path;
use std::sync::Arc;

use subtwin_kernel::{ChatId, KeyBytes, MessageId, SystemEntropy};
use subtwin_store::{OpenError, Store};

pub(crate) fn key(byte: u8) -> KeyBytes {
    KeyBytes::new([byte; 32])
}

pub(crate) fn try_open(path: &Path, byte: u8) -> Result<Store, OpenError> {
    Store::open(path, &key(byte), Arc::new(SystemEntropy::default()))
}

pub(crate) fn open(path: &Path) -> Store {
    try_open(path, 7).unwrap()
}

pub(crate) fn chat(name: &str) -> ChatId {
    ChatId::parse(&format!("19:{name}@unq.gbl.spaces")).unwrap()
}

pub(crate) fn message(number: u64) -> MessageId {
    MessageId::new(number)
}

pub(crate) fn at(text: &str) -> jiff::Timestamp {
    text.parse().unwrap()
}

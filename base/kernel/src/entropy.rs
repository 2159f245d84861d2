use std::fmt;
use std::sync::Mutex;

use aws_lc_rs::digest;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use jiff::Timestamp;
use uuid::{Builder, Uuid};

use crate::RequestId;

/// Where random bytes come from. An argument, so that a simulation can repeat itself.
pub trait Entropy: Send + Sync + fmt::Debug {
    /// Fills `bytes` with random bytes.
    fn fill(&self, bytes: &mut [u8]);

    /// A random GUID (RFC 9562 version 4), for `client-request-id` and its like.
    fn guid(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        Builder::from_random_bytes(bytes).into_uuid()
    }

    /// A new request's id (RFC 9562 version 7): sorts by time.
    fn request_id(&self, now: Timestamp) -> RequestId {
        let mut bytes = [0; 10];
        self.fill(&mut bytes);
        let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
        RequestId::new(Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid())
    }
}

/// The operating system's generator.
#[derive(Debug, Default)]
pub struct SystemEntropy(SystemRandom);

impl Entropy for SystemEntropy {
    #[expect(clippy::expect_used, reason = "without the system's generator nothing here is safe")]
    fn fill(&self, bytes: &mut [u8]) {
        self.0.fill(bytes).expect("the operating system's random generator works");
    }
}

/// Repeatable bytes from a seed; for tests and simulations only, never for keys.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<(u64, u64)>);

impl SeededEntropy {
    /// A generator that always gives the same bytes for the same seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(Mutex::new((seed, 0)))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for chunk in bytes.chunks_mut(digest::SHA256_OUTPUT_LEN) {
            let mut block = [0; 16];
            for (to, from) in
                block.iter_mut().zip(state.0.to_le_bytes().into_iter().chain(state.1.to_le_bytes()))
            {
                *to = from;
            }
            state.1 = state.1.wrapping_add(1);
            let hash = digest::digest(&digest::SHA256, &block);
            for (to, from) in chunk.iter_mut().zip(hash.as_ref()) {
                *to = *from;
            }
        }
    }
}

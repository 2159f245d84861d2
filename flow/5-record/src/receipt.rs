use std::fmt;
use std::str::FromStr;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use tlog_tiles::Hash;

/// Names one leaf in chat and on the command line: `R-000123-K7QF2M`, its index and the start of
/// its hash in base32. Short enough to read aloud, and no other leaf of the log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    index: u64,
    check: String,
}

/// A text that is no receipt.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a receipt; one looks like `R-000123-K7QF2M`")]
pub struct BadReceipt(String);

impl Receipt {
    /// Base32 digits shown, five bits each.
    const DIGITS: u32 = 6;

    pub(crate) fn of(index: u64, leaf: &Hash) -> Self {
        let start = leaf.0.first_chunk::<4>().map_or(0, |bytes| u32::from_be_bytes(*bytes));
        let check = (0..Self::DIGITS)
            .map(|digit| {
                let value = (start >> (32 - 5 * (digit + 1))) & 31;
                BASE32.chars().nth(usize::try_from(value).unwrap_or(0)).unwrap_or('A')
            })
            .collect();
        Self { index, check }
    }

    /// The leaf's index in the log.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "R-{:06}-{}", self.index, self.check)
    }
}

impl FromStr for Receipt {
    type Err = BadReceipt;

    fn from_str(text: &str) -> Result<Self, BadReceipt> {
        let bad = || BadReceipt(text.chars().take(40).collect());
        let upper = text.trim().to_ascii_uppercase();
        let rest = upper.strip_prefix("R-").ok_or_else(bad)?;
        let (index, check) = rest.split_once('-').ok_or_else(bad)?;
        let digits = index.len() >= 6 && index.bytes().all(|byte| byte.is_ascii_digit());
        let known = check.len() == 6 && check.chars().all(|digit| BASE32.contains(digit));
        match index.parse() {
            Ok(index) if digits && known => Ok(Self { index, check: check.to_owned() }),
            Ok(_) | Err(_) => Err(bad()),
        }
    }
}

/// A proof in the C2SP tlog-proof format. The leaf itself goes along as extra data, so that the
/// proof can be checked with nothing but the verifier key.
pub(crate) fn proof(index: u64, leaf: &[u8], path: &[Hash], checkpoint: &str) -> String {
    let hashes: String = path.iter().map(|hash| format!("{hash}\n")).collect();
    let extra = BASE64_STANDARD.encode(leaf);
    format!("{HEADER}\nextra {extra}\nindex {index}\n{hashes}\n{checkpoint}")
}

/// A proof taken apart: index, leaf, path, checkpoint.
pub(crate) fn parse_proof(text: &str) -> Option<(u64, Vec<u8>, Vec<Hash>, &str)> {
    let (head, checkpoint) = text.split_once("\n\n")?;
    let mut lines = head.lines();
    (lines.next()? == HEADER).then_some(())?;
    let leaf = BASE64_STANDARD.decode(lines.next()?.strip_prefix("extra ")?).ok()?;
    let number = lines.next()?.strip_prefix("index ")?;
    let index: u64 = number.parse().ok()?;
    // A tree has at most 64 levels.
    let path = lines.take(65).map(Hash::parse_hash).collect::<Result<Vec<_>, _>>().ok()?;
    (index.to_string() == number && path.len() <= 64).then_some((index, leaf, path, checkpoint))
}

const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// RFC 4648, section 6.
const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_shows_index_and_base32_of_the_hash_and_reads_back() {
        let hash = Hash([0xff, 0x00, 0xaa, 0x55].repeat(8).try_into().unwrap());
        let receipt = Receipt::of(123, &hash);
        // `base32` of ff00aa55… begins with 74AKUV.
        assert_eq!(receipt.to_string(), "R-000123-74AKUV");
        assert_eq!("r-000123-74akuv".parse::<Receipt>().unwrap(), receipt);
        assert_eq!(Receipt::of(1_234_567, &hash).to_string(), "R-1234567-74AKUV");
        for bad in ["", "R-123-74AKUV", "R-000123", "R-000123-74AKU1", "R-+00123-74AKUV"] {
            assert!(bad.parse::<Receipt>().is_err(), "{bad}");
        }
    }
}

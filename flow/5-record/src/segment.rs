use crate::leaf::{LARGEST_BODY, LARGEST_LEAF, Sealed, sha256};

/// Batches are looked for by this after a damaged one.
const MAGIC: &[u8; 8] = b"subtwin1";
const NUMBERS: usize = 8 + 4 + 4;
const HEADER: usize = MAGIC.len() + NUMBERS + 32;
const LENGTHS: usize = 2 + 4;

/// Most records one batch takes.
pub(crate) const LARGEST_BATCH: usize = 1024;
/// A batch is closed when its payload has reached this.
pub(crate) const FULL_BATCH: usize = 2 << 20;
/// A segment that has reached this is followed by another one. In tests soon, so that crashes meet it.
pub(crate) const FULL_SEGMENT: u64 = if cfg!(test) { 4 << 10 } else { 16 << 20 };

/// One batch as found in a segment.
#[derive(Debug)]
pub(crate) struct Batch<'a> {
    /// Index of its first leaf.
    pub(crate) first: u64,
    /// Where it begins in the segment.
    pub(crate) start: usize,
    /// Where the next one begins.
    pub(crate) end: usize,
    /// Its records, in order.
    pub(crate) records: Vec<Found<'a>>,
}

/// One record as found in a segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'a> {
    /// The leaf's line.
    pub(crate) leaf: &'a [u8],
    /// Salt and JSON, or what is left of them.
    pub(crate) body: &'a [u8],
    /// Where the body begins in the segment.
    pub(crate) body_at: usize,
}

/// The path of the segment that begins with a leaf.
pub(crate) fn path(first: u64) -> String {
    format!("records/{first:012}.seg")
}

/// The leaf a segment begins with.
pub(crate) fn first_of(path: &str) -> Option<u64> {
    let name = path.strip_prefix("records/")?.strip_suffix(".seg")?;
    let first = name.parse().ok()?;
    (self::path(first) == path).then_some(first)
}

/// Records as one batch. They are few and small enough: the writer closes a batch in time.
pub(crate) fn encode(first: u64, records: &[&Sealed]) -> Vec<u8> {
    let mut payload = Vec::new();
    let mut leaves = Vec::new();
    for record in records {
        let mut lengths = Vec::with_capacity(LENGTHS);
        lengths.extend(u16::try_from(record.leaf.len()).unwrap_or(u16::MAX).to_be_bytes());
        lengths.extend(u32::try_from(record.body.len()).unwrap_or(u32::MAX).to_be_bytes());
        for part in [&lengths, &record.leaf] {
            payload.extend(part);
            leaves.extend(part);
        }
        payload.extend(&record.body);
    }
    let mut numbers = Vec::with_capacity(NUMBERS);
    numbers.extend(first.to_be_bytes());
    numbers.extend(u32::try_from(records.len()).unwrap_or(u32::MAX).to_be_bytes());
    numbers.extend(u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes());
    let check = sha256(&[&numbers, &leaves]);
    [MAGIC.as_slice(), &numbers, &check, &payload].concat()
}

/// The batch that begins at `start`, or nothing where there is no whole one. Bodies are not looked
/// at: they may have been erased.
pub(crate) fn decode(segment: &[u8], start: usize) -> Option<Batch<'_>> {
    let mut rest = segment.get(start..)?.strip_prefix(MAGIC)?;
    let numbers = take(&mut rest, NUMBERS)?;
    let check = take(&mut rest, 32)?;
    let mut fields = numbers;
    let first = u64::from_be_bytes(take(&mut fields, 8)?.try_into().ok()?);
    let count = u32::from_be_bytes(take(&mut fields, 4)?.try_into().ok()?);
    let length = usize::try_from(u32::from_be_bytes(fields.try_into().ok()?)).ok()?;
    let end = start.checked_add(HEADER)?.checked_add(length)?;
    let mut payload = take(&mut rest, length)?;
    let mut leaves = Vec::new();
    let mut records = Vec::new();
    for _ in 0..count {
        let lengths = take(&mut payload, LENGTHS)?;
        let (leaf_length, body_length) = lengths.split_first_chunk::<2>()?;
        let leaf_length = usize::from(u16::from_be_bytes(*leaf_length));
        let body_length = u32::from_be_bytes(body_length.try_into().ok()?);
        let body_length = usize::try_from(body_length).ok()?;
        if leaf_length > LARGEST_LEAF || body_length > LARGEST_BODY {
            return None;
        }
        let leaf = take(&mut payload, leaf_length)?;
        let body_at = end.checked_sub(payload.len())?;
        let body = take(&mut payload, body_length)?;
        leaves.extend(lengths);
        leaves.extend(leaf);
        records.push(Found { leaf, body, body_at });
    }
    let whole = payload.is_empty() && !records.is_empty() && sha256(&[numbers, &leaves]) == check;
    whole.then_some(Batch { first, start, end, records })
}

/// Whether a whole batch begins anywhere after `start`. If so, what is broken at `start` is not the
/// end of an unfinished write.
pub(crate) fn any_batch_after(segment: &[u8], start: usize) -> bool {
    let rest = segment.get(start.saturating_add(1)..).unwrap_or_default();
    rest.windows(MAGIC.len())
        .enumerate()
        .filter(|(_, window)| window == MAGIC)
        .any(|(at, _)| decode(rest, at).is_some())
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(leaf: &[u8], body: &[u8]) -> Sealed {
        Sealed { leaf: leaf.to_vec(), body: body.to_vec() }
    }

    #[test]
    fn what_is_encoded_is_decoded_and_bodies_lie_where_it_says() {
        let mut segment = encode(7, &[&sealed(b"one", b"first body"), &sealed(b"two", b"")]);
        let second = segment.len();
        segment.extend(encode(9, &[&sealed(b"three", b"third body")]));
        let batch = decode(&segment, 0).unwrap();
        assert_eq!((batch.first, batch.end, batch.records.len()), (7, second, 2));
        for found in batch.records.iter().chain(&decode(&segment, second).unwrap().records) {
            let there = &segment[found.body_at..found.body_at + found.body.len()];
            assert_eq!(there, found.body);
        }
        assert!(any_batch_after(&segment, 0) && !any_batch_after(&segment, second));
    }

    #[test]
    fn a_batch_cut_or_changed_anywhere_outside_its_bodies_is_not_one() {
        let whole = encode(0, &[&sealed(b"a leaf", b"BODY"), &sealed(b"another", b"BODY")]);
        let bodies: Vec<usize> = decode(&whole, 0)
            .unwrap()
            .records
            .iter()
            .flat_map(|found| found.body_at..found.body_at + found.body.len())
            .collect();
        for at in 0..whole.len() {
            assert!(decode(&whole[..at], 0).is_none(), "cut at {at}");
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert_eq!(decode(&changed, 0).is_some(), bodies.contains(&at), "byte {at}");
        }
    }

    #[test]
    fn only_a_segments_own_path_names_its_first_leaf() {
        assert_eq!(first_of(&path(1_234_567)), Some(1_234_567));
        for other in ["records/1.seg", "records/000000000001.tmp", "records/+00000000001.seg"] {
            assert_eq!(first_of(other), None, "{other}");
        }
    }
}

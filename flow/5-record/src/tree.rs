use std::io;

use tlog_tiles::{EMPTY_HASH, Hash, node_hash};

use crate::disk::Disk;
use crate::leaf;

/// Hashes in a full tile.
pub(crate) const FULL: usize = 256;

/// The right edge of the hash tree: what is not yet in a full tile on disk, level by level.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    size: u64,
    levels: Vec<Level>,
    /// The leaves of level 0, as long as their bundle is not full and on disk.
    entries: Vec<Box<[u8]>>,
}

#[derive(Debug, Default)]
struct Level {
    /// Number of the first tile that is kept.
    first: u64,
    /// Its hashes and those after it.
    hashes: Vec<Hash>,
}

impl Tree {
    /// How many leaves it has.
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf.
    pub(crate) fn push(&mut self, leaf: &[u8]) {
        self.entries.push(leaf.into());
        self.size = self.size.saturating_add(1);
        let mut hash = leaf::hash(leaf);
        for number in 0.. {
            if self.levels.len() == number {
                self.levels.push(Level::default());
            }
            let Some(level) = self.levels.get_mut(number) else { return };
            level.hashes.push(hash);
            if !level.hashes.len().is_multiple_of(FULL) {
                return;
            }
            let last = level.hashes.len().saturating_sub(FULL);
            hash = perfect(level.hashes.get(last..).unwrap_or_default());
        }
    }

    /// The root hash (RFC 6962, section 2.1).
    pub(crate) fn root(&self) -> Hash {
        // From left to right: the perfect subtrees the tree is made of, largest first.
        let mut subtrees = Vec::new();
        for level in self.levels.iter().rev() {
            let mut rest = level.hashes.chunks_exact(FULL).remainder();
            while !rest.is_empty() {
                let width = 1 << rest.len().ilog2();
                let (subtree, after) = rest.split_at_checked(width).unwrap_or((rest, &[]));
                subtrees.push(perfect(subtree));
                rest = after;
            }
        }
        subtrees
            .into_iter()
            .rev()
            .reduce(|right, left| node_hash(left, right))
            .unwrap_or(EMPTY_HASH)
    }

    /// Writes the tiles and entry bundles of this tree that are not on disk as they should be, and
    /// forgets what is in full ones.
    pub(crate) fn publish(&mut self, disk: &mut dyn Disk) -> io::Result<()> {
        self.put(disk, |_| true)?;
        self.forget_full();
        Ok(())
    }

    /// As [`Tree::publish`], only for what is full: more leaves follow.
    pub(crate) fn publish_full(&mut self, disk: &mut dyn Disk) -> io::Result<()> {
        self.put(disk, |width| width == FULL)?;
        self.forget_full();
        Ok(())
    }

    fn put(&self, disk: &mut dyn Disk, wanted: impl Fn(usize) -> bool) -> io::Result<()> {
        for (number, level) in self.levels.iter().enumerate() {
            for (at, hashes) in level.hashes.chunks(FULL).enumerate() {
                if wanted(hashes.len()) {
                    let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
                    put(disk, &number.to_string(), level.first, at, hashes.len(), &bytes)?;
                }
            }
        }
        let first = self.levels.first().map_or(0, |level| level.first);
        for (at, entries) in self.entries.chunks(FULL).enumerate() {
            if wanted(entries.len()) {
                put(disk, "entries", first, at, entries.len(), &bundle(entries))?;
            }
        }
        Ok(())
    }

    /// Forgets what full tiles hold; the root needs only what comes after them.
    pub(crate) fn forget_full(&mut self) {
        for level in &mut self.levels {
            let full = level.hashes.len() / FULL;
            level.first = level.first.saturating_add(u64::try_from(full).unwrap_or(u64::MAX));
            level.hashes.drain(..full.saturating_mul(FULL));
        }
        let full = self.entries.len() / FULL;
        self.entries.drain(..full.saturating_mul(FULL));
    }
}

/// The path of a tile that is `width` hashes wide. `level` is a number, or `entries`.
pub(crate) fn path(level: &str, number: u64, width: usize) -> String {
    let mut rest = number;
    let mut name = format!("{:03}", rest % 1000);
    while rest >= 1000 {
        rest /= 1000;
        name = format!("x{:03}/{name}", rest % 1000);
    }
    if width == FULL {
        format!("tile/{level}/{name}")
    } else {
        format!("tile/{level}/{name}.p/{width}")
    }
}

/// Leaves as an entry bundle: each after its length in two bytes.
pub(crate) fn bundle<L: AsRef<[u8]>>(entries: &[L]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        bytes.extend(u16::try_from(entry.as_ref().len()).unwrap_or(u16::MAX).to_be_bytes());
        bytes.extend(entry.as_ref());
    }
    bytes
}

/// The root of a perfect subtree.
fn perfect(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => EMPTY_HASH,
        [hash] => *hash,
        more => {
            let (left, right) = more.split_at_checked(more.len() / 2).unwrap_or((more, &[]));
            node_hash(perfect(left), perfect(right))
        }
    }
}

fn put(
    disk: &mut dyn Disk,
    level: &str,
    first: u64,
    at: usize,
    width: usize,
    bytes: &[u8],
) -> io::Result<()> {
    let number = first.saturating_add(u64::try_from(at).unwrap_or(u64::MAX));
    let path = path(level, number, width);
    if disk.read(&path)?.is_none_or(|found| found != bytes) {
        disk.replace_derived(&path, bytes)?;
    }
    if width == FULL {
        // Narrower ones were for older checkpoints; a full tile serves them too.
        disk.remove_folder(&format!("{path}.p"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rfc6962::root;

    use super::*;

    /// RFC 6962, section 2.1, word for word.
    mod rfc6962 {
        use crate::leaf::sha256;

        pub(super) fn root(leaves: &[Vec<u8>]) -> [u8; 32] {
            match leaves {
                [] => sha256(&[]),
                [leaf] => sha256(&[&[0], leaf]),
                more => {
                    let split = more.len().next_power_of_two() / 2;
                    sha256(&[&[1], &root(&more[..split]), &root(&more[split..])])
                }
            }
        }
    }

    #[test]
    fn the_root_is_the_one_of_rfc_6962_at_every_size() {
        let leaves: Vec<Vec<u8>> = (0..600_u32).map(|n| n.to_be_bytes().to_vec()).collect();
        let mut tree = Tree::default();
        for size in 0..leaves.len() {
            assert_eq!(tree.root().0, root(&leaves[..size]), "size {size}");
            tree.push(&leaves[size]);
        }
    }

    #[test]
    fn tiles_have_the_paths_of_c2sp_tlog_tiles() {
        assert_eq!(path("1", 1_234_067, FULL), "tile/1/x001/x234/067");
        assert_eq!(path("entries", 0, 112), "tile/entries/000.p/112");
        assert_eq!(path("0", 273, 112), "tile/0/273.p/112");
    }
}

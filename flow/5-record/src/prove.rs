use tlog_tiles::{HashReader as _, Tile, TileHashReader, TileReader, prove_record};

use crate::disk::Disk;
use crate::tree::{self, FULL};
use crate::{checkpoint, leaf, receipt};

/// The proof (C2SP tlog-proof) that a leaf is in the tree that `head`, a checkpoint signed with
/// `vkey`, stands for. Read from the published tiles alone.
pub(crate) fn prove(disk: &dyn Disk, head: &str, vkey: &str, index: u64) -> Result<String, String> {
    let signed = checkpoint::verify(head.as_bytes(), vkey)?;
    if index >= signed.size() {
        return Err(format!("leaf {index} is not under the signed tree head"));
    }
    // What was signed is on disk as tiles; what came after it is not needed.
    let tiles = Tiles(disk);
    let reader = TileHashReader::new(signed.size(), *signed.hash(), &tiles);
    let path =
        prove_record(signed.size(), index, &reader).map_err(|cause| format!("tiles: {cause}"))?;
    let line = tiles.entry(index, signed.size())?;
    let hash = reader
        .read_hashes(&[tlog_tiles::stored_hash_index(0, index)])
        .map_err(|cause| format!("tiles: {cause}"))?;
    if hash.first() != Some(&leaf::hash(&line)) {
        return Err(format!("entry {index} is not the one in the tree"));
    }
    Ok(receipt::proof(index, &line, &path, head))
}

/// The published tiles, for proofs.
struct Tiles<'a>(&'a dyn Disk);

impl Tiles<'_> {
    /// A tile `width` wide: as it is, or the start of the full one that followed it.
    fn read(&self, level: &str, number: u64, width: usize) -> Result<Vec<u8>, String> {
        for width in [width, FULL] {
            let path = tree::path(level, number, width);
            if let Some(bytes) = self.0.read(&path).map_err(|cause| cause.to_string())? {
                return Ok(bytes);
            }
        }
        Err(format!("tile {number} of level {level} is missing"))
    }

    fn entry(&self, index: u64, size: u64) -> Result<Vec<u8>, String> {
        let full = u64::try_from(FULL).unwrap_or(u64::MAX);
        let number = index / full;
        let width = usize::try_from(size.saturating_sub(number.saturating_mul(full)).min(full));
        let bytes = self.read("entries", number, width.unwrap_or(FULL))?;
        let mut rest = bytes.as_slice();
        for at in 0.. {
            let missing = || format!("entry {index} is missing");
            let (length, after) = rest.split_first_chunk::<2>().ok_or_else(missing)?;
            let length = usize::from(u16::from_be_bytes(*length));
            let (entry, after) = after.split_at_checked(length).ok_or_else(missing)?;
            if at == index % full {
                return Ok(entry.to_vec());
            }
            rest = after;
        }
        Err(format!("entry {index} is missing"))
    }
}

impl TileReader for Tiles<'_> {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        tiles
            .iter()
            .map(|tile| {
                let width = usize::try_from(tile.width()).unwrap_or(FULL);
                let mut bytes = self
                    .read(&tile.level().to_string(), tile.level_index(), width)
                    .map_err(tlog_tiles::Error::InvalidInput)?;
                bytes.truncate(width.saturating_mul(tlog_tiles::HASH_SIZE));
                if bytes.len() == width.saturating_mul(tlog_tiles::HASH_SIZE) {
                    Ok(bytes)
                } else {
                    Err(tlog_tiles::Error::InvalidTile)
                }
            })
            .collect()
    }

    fn save_tiles(&self, _tiles: &[Tile], _data: &[Vec<u8>]) {}
}

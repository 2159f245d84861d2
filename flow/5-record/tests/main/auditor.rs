//! An auditor who has the published formats and none of our code: RFC 6962, C2SP tlog-tiles,
//! tlog-checkpoint, signed-note and tlog-proof, each as its text says.

use std::collections::BTreeMap;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::Value;
use subtwin_record::Receipt;
use subtwin_record::audit::{Archive, check_proof};

use crate::world::{files, open, request, verify};

type Hash = [u8; 32];

fn sha256(parts: &[&[u8]]) -> Hash {
    digest(&SHA256, &parts.concat()).as_ref().try_into().unwrap()
}

fn tree_hash(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => sha256(&[]),
        [one] => *one,
        more => {
            let mut split = 1;
            while split * 2 < more.len() {
                split *= 2;
            }
            sha256(&[&[1], &tree_hash(&more[..split]), &tree_hash(&more[split..])])
        }
    }
}

/// Size and root of a checkpoint whose signature holds.
fn checkpoint(text: &str, vkey: &str) -> (usize, Hash) {
    let (body, signatures) = text.split_once("\n\n").unwrap();
    let body = format!("{body}\n");
    let mut lines = body.lines();
    let origin = lines.next().unwrap();
    let size = lines.next().unwrap().parse().unwrap();
    let root = BASE64_STANDARD.decode(lines.next().unwrap()).unwrap().try_into().unwrap();
    let mut parts = vkey.trim().splitn(3, '+');
    let (name, id, key) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let key = BASE64_STANDARD.decode(key).unwrap();
    let id_of_key = sha256(&[name.as_bytes(), b"\n", &key]);
    let prefix = format!("— {name} ");
    let signature = signatures.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap();
    let signature = BASE64_STANDARD.decode(signature).unwrap();
    assert_eq!(origin, name);
    assert_eq!(id, format!("{:08x}", u32::from_be_bytes(id_of_key[..4].try_into().unwrap())));
    assert_eq!(signature[..4], id_of_key[..4]);
    UnparsedPublicKey::new(&ED25519, &key[1..]).verify(body.as_bytes(), &signature[4..]).unwrap();
    (size, root)
}

fn tile(files: &BTreeMap<String, Vec<u8>>, level: &str, number: usize, width: usize) -> Vec<u8> {
    assert!(number < 1000);
    let path = format!("tile/{level}/{number:03}");
    let path = if width == 256 { path } else { format!("{path}.p/{width}") };
    files.get(&path).unwrap_or_else(|| panic!("no `{path}`")).clone()
}

/// Every leaf, after tiles, bundles and checkpoint were found to fit together.
fn audit(dir: &Path) -> Vec<Vec<u8>> {
    let files: BTreeMap<String, Vec<u8>> = files(dir).into_iter().collect();
    let text = |name: &str| String::from_utf8(files[name].clone()).unwrap();
    let (size, root) = checkpoint(&text("checkpoint"), &text("log.vkey"));
    let widths = |size: usize| (0..size.div_ceil(256)).map(move |n| (n, (size - n * 256).min(256)));

    let mut leaves = Vec::new();
    for (number, width) in widths(size) {
        let bundle = tile(&files, "entries", number, width);
        let mut rest = bundle.as_slice();
        for _ in 0..width {
            let length = usize::from(u16::from_be_bytes(rest[..2].try_into().unwrap()));
            leaves.push(rest[2..2 + length].to_vec());
            rest = &rest[2 + length..];
        }
        assert!(rest.is_empty());
    }
    let mut level: Vec<Hash> = leaves.iter().map(|leaf| sha256(&[&[0], leaf])).collect();
    assert_eq!(tree_hash(&level), root);
    for number in 0.. {
        for (tile_number, width) in widths(level.len()) {
            let hashes = level[tile_number * 256..][..width].concat();
            assert_eq!(tile(&files, &number.to_string(), tile_number, width), hashes);
        }
        level = level.chunks_exact(256).map(tree_hash).collect();
        if level.is_empty() {
            break;
        }
    }
    leaves
}

#[tokio::test]
async fn the_published_formats_alone_are_enough_to_check_a_log_of_any_size() {
    for actions in [0, 1, 5, 85, 86, 120] {
        let dir = tempfile::tempdir().unwrap();
        let world = open(dir.path());
        world.start().await;
        for number in 0..actions {
            world.act(number).await;
            // Sometimes with checkpoints in between, which leave partial tiles.
            if number % 31 == 30 {
                world.log.checkpoint().await.unwrap();
            }
        }
        world.log.shut_down().await.unwrap();
        let leaves = audit(dir.path());
        assert_eq!(leaves.len() as u64, 1 + 3 * actions);
        assert_eq!(verify(dir.path()).findings, Vec::<String>::new(), "{actions}");
    }
}

#[tokio::test]
async fn a_leaf_names_nobody_and_commits_to_salt_and_record() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path());
    world.act(1).await;
    world.log.shut_down().await.unwrap();
    let segment =
        &files(dir.path()).into_iter().find(|(name, _)| name.ends_with(".seg")).unwrap().1;
    for leaf in audit(dir.path()) {
        let text = String::from_utf8(leaf.clone()).unwrap();
        assert!(!text.contains("Doug") && !text.contains("contoso"), "{text}");
        let leaf: Value = serde_json::from_str(&text).unwrap();
        // After the leaf in its segment come salt and JSON; the JSON ends where its braces do.
        let at = segment.windows(text.len()).position(|part| part == text.as_bytes()).unwrap();
        let record = &segment[at + text.len()..];
        let mut json = serde_json::Deserializer::from_slice(&record[32..]).into_iter::<Value>();
        let value = json.next().unwrap().unwrap();
        let commitment = sha256(&[&record[..32 + json.byte_offset()]]);
        let hex: String = commitment.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(leaf["commitment"], hex);
        assert_eq!((&leaf["event"], &leaf["at"]), (&value["event"]["kind"], &value["at"]));
    }
}

#[tokio::test]
async fn a_receipts_proof_convinces_with_nothing_but_the_verifier_key() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path());
    let mut receipts = Vec::new();
    for number in 0..90 {
        receipts.push(world.act(number).await);
    }
    let vkey = verify(dir.path()).vkey;
    for receipt in receipts.iter().step_by(13).chain(receipts.last()) {
        let proof = world.log.proof(receipt).await.unwrap();

        let (head, signed) = proof.split_once("\n\n").unwrap();
        let mut lines = head.lines();
        assert_eq!(lines.next().unwrap(), "c2sp.org/tlog-proof@v1");
        let leaf = lines.next().unwrap().strip_prefix("extra ").unwrap();
        let leaf = BASE64_STANDARD.decode(leaf).unwrap();
        let index: usize = lines.next().unwrap().strip_prefix("index ").unwrap().parse().unwrap();
        assert_eq!(index as u64, receipt.index());
        let (size, root) = checkpoint(signed, &vkey);
        // RFC 9162, section 2.1.3.2.
        let (mut node, mut last) = (index, size - 1);
        let mut hash = sha256(&[&[0], &leaf]);
        for line in lines {
            let sibling = BASE64_STANDARD.decode(line).unwrap();
            if node % 2 == 1 || node == last {
                hash = sha256(&[&[1], &sibling, &hash]);
                while node.is_multiple_of(2) && node != 0 {
                    (node, last) = (node >> 1, last >> 1);
                }
            } else {
                hash = sha256(&[&[1], &hash, &sibling]);
            }
            (node, last) = (node >> 1, last >> 1);
        }
        assert_eq!((hash, last), (root, 0));

        let (proven, leaf) = check_proof(&proof, &vkey).unwrap();
        assert_eq!((proven, leaf.request), (receipt.index(), Some(request(receipt.index() / 3))));
    }
}

#[tokio::test]
async fn a_copy_of_the_directory_gives_the_same_proof_without_the_writer() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path());
    let receipt = world.act(0).await;
    world.act(1).await;
    world.log.checkpoint().await.unwrap();
    let proof = world.log.proof(&receipt).await.unwrap();
    let archive = Archive::open(dir.path()).unwrap();
    assert_eq!(archive.proof(&receipt).unwrap(), proof);
    let other: Receipt = format!("R-{:06}-AAAAAA", receipt.index()).parse().unwrap();
    assert!(archive.proof(&other).is_err(), "a receipt with another hash names no leaf");
}

#[tokio::test]
async fn a_changed_proof_convinces_nobody_and_panics_nowhere() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path());
    for number in 0..4 {
        world.act(number).await;
    }
    let receipt = world.act(4).await;
    let proof = world.log.proof(&receipt).await.unwrap();
    let vkey = verify(dir.path()).vkey;
    check_proof(&proof, &vkey).unwrap();
    for at in (0..proof.len()).step_by(3) {
        let mut changed = proof.clone().into_bytes();
        changed[at] ^= 1;
        if let Ok(changed) = String::from_utf8(changed) {
            let proven = check_proof(&changed, &vkey);
            assert!(proven.is_err(), "byte {at}: {proven:?}");
        }
        if let Some(cut) = proof.get(..at) {
            assert!(check_proof(cut, &vkey).is_err(), "cut at {at}");
        }
    }
    assert!(check_proof(&proof, "contoso.com/sam+00000000+AAAA").is_err());
}

#[tokio::test]
async fn an_export_has_one_line_for_every_leaf_and_says_what_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let world = open(dir.path());
    world.act(1).await;
    world.act(2).await;
    world.log.erase(request(1)).await.unwrap();
    world.log.shut_down().await.unwrap();
    let mut out = Vec::new();
    Archive::open(dir.path()).unwrap().export(&mut out).unwrap();
    let lines: Vec<Value> = String::from_utf8(out)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let states: Vec<&str> = lines.iter().map(|line| line["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["erased", "erased", "erased", "whole", "whole", "whole", "whole"]);
    assert_eq!(lines[3]["record"]["event"]["plan"]["parts"][0]["shown"]["before"], "no licence");
    assert!(lines[0]["record"].is_null() && lines[0]["leaf"]["event"] == "intent");
    assert!(Archive::open(&dir.path().join("nowhere")).is_err());
}

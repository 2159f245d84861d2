use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use subtwin_confirm::Confirmed;
use subtwin_kernel::{
    ChatId, Digest, KeyBytes, ManualClock, MessageId, Outcome, Plan, RequestId, SeededEntropy,
    TenantEntry, TenantId, UserId,
};
use subtwin_primitives::{Asked, Decline, Declined, Requester, Seen, TwinChange, TwinEvent};
use subtwin_record::audit::{Archive, Report, Trust};
use subtwin_record::{Facts, Log, OpenError, Opened, Receipt, Recovered};
use uuid::Uuid;

use crate::sample;
pub(crate) use crate::sample::{plan, twin};

pub(crate) const ORIGIN: &str = "contoso.com/sam";

/// A log in a directory, with a clock and random bytes of its own.
pub(crate) struct World {
    pub(crate) log: Log,
    pub(crate) recovered: Recovered,
    pub(crate) clock: Arc<ManualClock>,
}

pub(crate) fn try_open(dir: &Path, key: u8, origin: &str) -> Result<World, OpenError> {
    let clock = Arc::new(ManualClock::at(at("2026-07-01T10:00:00Z")));
    let entropy = Arc::new(SeededEntropy::new(entropy_seed(dir)));
    let key = KeyBytes::new([key; 32]);
    let (log, recovered) = Log::open(dir, &key, origin, clock.clone(), entropy)?;
    Ok(World { log, recovered, clock })
}

/// Other random bytes at every start: as many as there are files.
fn entropy_seed(dir: &Path) -> u64 {
    files(dir).iter().map(|(_, bytes)| bytes.len() as u64).sum()
}

pub(crate) fn open(dir: &Path) -> World {
    try_open(dir, 7, ORIGIN).unwrap()
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn request(number: u64) -> RequestId {
    RequestId::new(Uuid::from_u128(u128::from(number)))
}

/// The sample plan, confirmed.
pub(crate) fn confirmed(number: u64) -> Confirmed {
    sample::confirmed(request(number), &plan(number)).unwrap()
}

pub(crate) fn declined(number: u64) -> Declined {
    Declined {
        request: request(number),
        asked: Asked {
            chat: ChatId::parse("19:doug_sam@unq.gbl.spaces").unwrap(),
            message: MessageId::new(1),
            by: Requester {
                tenant: TenantId::new(Uuid::from_u128(900)),
                user: UserId::new(Uuid::from_u128(903)),
                display_name: "Doug".to_owned(),
                upn: None,
            },
        },
        twin: twin(),
        actions: vec![],
        prompt: None,
        answer: None,
        plan_digest: None,
        why: Decline::Expired {},
    }
}

fn entry() -> TenantEntry {
    TenantEntry {
        id: "Directory_1".to_owned(),
        activity: "Change user license".to_owned(),
        at: at("2026-07-01T10:00:01Z"),
        initiated_by: "sam@contoso.com".to_owned(),
        correlation_id: "0f1e2d3c".to_owned(),
        raw: serde_json::json!({ "id": "Directory_1", "result": "success" }),
    }
}

pub(crate) fn matched() -> Seen {
    Seen::Matched { entry: entry() }
}

pub(crate) fn done() -> Outcome {
    Outcome::Done { at: at("2026-07-01T10:00:01Z") }
}

impl World {
    pub(crate) async fn intend(&self, number: u64) -> Opened {
        self.intend_to(number, &plan(number)).await
    }

    pub(crate) async fn intend_to(&self, number: u64, plan: &Plan) -> Opened {
        let facts = Facts { twin: &twin(), requester_upn: Some("doug@contoso.com") };
        let confirmed = sample::confirmed(request(number), plan).unwrap();
        self.log.open_intent(confirmed, facts).await.unwrap()
    }

    /// One action from intent to the tenant's entry: three leaves.
    pub(crate) async fn act(&self, number: u64) -> Receipt {
        let (_, ticket) = self.intend(number).await.into_parts();
        let closed = self.log.close(ticket, vec![done()], vec![]).await.unwrap();
        self.log.entry(request(number), vec![matched()]).await.unwrap();
        self.clock.advance(Duration::from_millis(10));
        closed.receipt
    }

    pub(crate) async fn start(&self) {
        let change = TwinChange::Started {
            version: "0.1.0".to_owned(),
            catalog: vec![],
            catalog_digest: Digest::of(b"catalog"),
            policy_digest: Digest::of(b"policy"),
        };
        self.log.twin(TwinEvent { twin: twin(), change }).await.unwrap();
    }
}

pub(crate) fn verify(dir: &Path) -> Report {
    Archive::open(dir).unwrap().verify(&Trust::default()).unwrap()
}

/// Every file of a log, with its path below the directory.
pub(crate) fn files(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

pub(crate) fn copy(from: &Path, to: &Path) {
    for (name, bytes) in files(from) {
        let path = to.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

pub(crate) fn holds(dir: &Path, needle: &str) -> bool {
    files(dir)
        .iter()
        .any(|(_, bytes)| bytes.windows(needle.len()).any(|part| part == needle.as_bytes()))
}

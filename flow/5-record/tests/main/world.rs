use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use subtwin_confirm::{Confirmed, Verdict, Waiting};
use subtwin_hear::{Heard, RefersTo, Speaker};
use subtwin_kernel::{
    Action, AppId, ChatId, KeyBytes, ManualClock, MessageId, Method, Outcome, Plan, PrincipalKind,
    RequestId, SeededEntropy, SkuId, Step, Summary, TenantEntry, TenantId, TwinId, UserId,
};
use subtwin_primitives::{Asked, Decline, Declined, Requester, Twin, TwinChange, TwinEvent};
use subtwin_record::audit::{Archive, Report, Trust};
use subtwin_record::{Facts, Log, OpenError, Opened, Receipt, Recovered};
use subtwin_understand::Proposal;
use uuid::Uuid;

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

pub(crate) fn twin() -> Twin {
    Twin {
        tenant: TenantId::new(Uuid::from_u128(900)),
        id: Some(TwinId::new(Uuid::from_u128(901))),
        name: "Sam".to_owned(),
        upn: Some("sam@contoso.com".to_owned()),
        acts_as: PrincipalKind::MemberUser,
        token_of: None,
        app: AppId::new(Uuid::from_u128(902)),
    }
}

pub(crate) fn plan(number: u64) -> Plan {
    let person = UserId::new(Uuid::from_u128(u128::from(number) + 1000));
    Plan {
        action: Action::LicenseAssign { person, sku: SkuId::new(Uuid::from_u128(7)) },
        steps: vec![Step {
            method: Method::Post,
            path: format!("/v1.0/users/{person}/assignLicense"),
            body: Some(serde_json::json!({ "addLicenses": [], "removeLicenses": [] })),
        }],
        summary: Summary {
            headline: "Give Sarah (sarah@contoso.com) the Microsoft 365 E3 licence".to_owned(),
            target: "Sarah (sarah@contoso.com)".to_owned(),
            object: Some("Microsoft 365 E3 licence".to_owned()),
            before: "no licence".to_owned(),
            after: "Microsoft 365 E3".to_owned(),
            consequences: vec!["One of 4 free seats is used.".to_owned()],
            undo: "It can be taken away again.".to_owned(),
            appears_as: "Sam (sam@contoso.com)".to_owned(),
        },
    }
}

/// A confirmed plan, by the only way there is: shown by the gate, and answered with a yes.
pub(crate) fn confirmed(number: u64) -> Confirmed {
    let heard = |message, text: &str| Heard {
        chat: ChatId::parse("19:doug_sam@unq.gbl.spaces").unwrap(),
        message: MessageId::new(message),
        from: Speaker {
            tenant: TenantId::new(Uuid::from_u128(900)),
            user: UserId::new(Uuid::from_u128(903)),
            display_name: "Doug".to_owned(),
        },
        text: text.to_owned(),
        one_on_one: true,
        at: at("2026-07-01T09:59:59Z"),
        edited: false,
        refers_to: RefersTo::Nothing,
    };
    let plan = plan(number);
    let proposal = Proposal {
        request: request(number),
        heard: heard(1, "please"),
        action: plan.action.clone(),
    };
    let now = at("2026-07-01T09:59:59Z");
    let waiting = Waiting::ask(proposal, plan.clone(), MessageId::new(2), now);
    let Verdict::Yes(assent) = waiting.hear(&heard(3, "yes"), now) else {
        panic!("a yes is a yes");
    };
    assent.release(&plan, true).unwrap()
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
        action: None,
        prompt: None,
        answer: None,
        plan_digest: None,
        why: Decline::Expired {},
    }
}

pub(crate) fn entry() -> TenantEntry {
    TenantEntry {
        id: "Directory_1".to_owned(),
        activity: "Change user license".to_owned(),
        at: at("2026-07-01T10:00:01Z"),
        initiated_by: "sam@contoso.com".to_owned(),
        correlation_id: "0f1e2d3c".to_owned(),
        raw: serde_json::json!({ "id": "Directory_1", "result": "success" }),
    }
}

pub(crate) fn done() -> Outcome {
    Outcome::Done { at: at("2026-07-01T10:00:01Z") }
}

impl World {
    pub(crate) async fn intend(&self, number: u64) -> Opened {
        let facts = Facts { twin: &twin(), requester_upn: Some("doug@contoso.com") };
        self.log.open_intent(confirmed(number), facts).await.unwrap()
    }

    /// One action from intent to the tenant's entry: three leaves.
    pub(crate) async fn act(&self, number: u64) -> Receipt {
        let (_, ticket) = self.intend(number).await.into_parts();
        let closed = self.log.close(ticket, done()).await.unwrap();
        self.log.entry(request(number), Some(entry())).await.unwrap();
        self.clock.advance(Duration::from_millis(10));
        closed.receipt
    }

    pub(crate) async fn start(&self) {
        let change = TwinChange::Started { version: "0.1.0".to_owned(), catalog: vec![] };
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

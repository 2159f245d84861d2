//! Who says what where.

use std::sync::LazyLock;

use jiff::{SignedDuration, Timestamp};
use subtwin_confirm::{Answers, Assent, Standing, Verdict, Waiting};
use subtwin_hear::{Heard, RefersTo, Speaker};
use subtwin_kernel::{
    Action, Approval, ChatId, Digest, Inverse, MessageId, Method, Part, Plan, RequestId, Rules,
    Shown, Step, TenantId, UserId,
};
use subtwin_understand::{Mode, Proposal};
use uuid::Uuid;

use crate::company::{DOUG, E3, SARAH};

pub(crate) const HOME: TenantId = TenantId::new(Uuid::from_u128(0x900));
pub(crate) const ABROAD: TenantId = TenantId::new(Uuid::from_u128(0x901));
pub(crate) const UPN: &str = "sarah.lin@contoso.com";

/// When the plan is shown.
pub(crate) const SHOWN: Timestamp = Timestamp::constant(1_800_000_000, 0);

/// The message that shows it to the requester, and those that show it to approvers.
pub(crate) const PROMPT: u64 = 2000;

pub(crate) fn later(seconds: i64) -> Timestamp {
    SHOWN + SignedDuration::from_secs(seconds)
}

pub(crate) fn english() -> &'static Answers {
    static ENGLISH: LazyLock<Answers> = LazyLock::new(|| Answers::new([]));
    &ENGLISH
}

/// Somebody's own conversation with the twin.
pub(crate) fn chat(of: UserId) -> ChatId {
    ChatId::parse(&format!("19:{of}_sam@unq.gbl.spaces")).unwrap()
}

/// A new message in whoever's own conversation, as good as can be.
pub(crate) fn says(who: UserId, text: &str) -> Heard {
    Heard {
        chat: chat(who),
        message: MessageId::new(PROMPT + 1000),
        from: Speaker { tenant: HOME, user: who, display_name: "somebody".to_owned() },
        text: text.to_owned(),
        one_on_one: true,
        at: SHOWN,
        edited: false,
        refers_to: RefersTo::Nothing,
    }
}

/// A licence for Sarah; Doug's own yes is enough.
pub(crate) fn plan() -> Plan {
    let action = Action::LicenseAssign { person: SARAH, sku: E3, disabled_plans: vec![] };
    let part = Part {
        step: Step {
            method: Method::Post,
            path: format!("/v1.0/users/{SARAH}/assignLicense"),
            body: Some(serde_json::json!({ "addLicenses": [{ "skuId": E3 }] })),
        },
        shown: Shown {
            headline: format!("Give Sarah Lin ({UPN}) a Microsoft 365 E3 licence."),
            target: format!("Sarah Lin ({UPN}), Sales"),
            object: Some("Microsoft 365 E3 licence".to_owned()),
            before: "Has no Microsoft 365 E3. 3 seats free.".to_owned(),
            after: "Has Microsoft 365 E3. 2 seats free.".to_owned(),
            consequences: vec!["Uses one paid seat.".to_owned()],
            undo: "I can take it away again.".to_owned(),
        },
        inverse: Inverse::Action(Action::LicenseRemove { person: SARAH, sku: E3 }),
        touches: action.touches(),
        type_back: None,
        action: action.clone(),
    };
    Plan {
        asked: vec![action],
        parts: vec![part],
        left_out: vec![],
        appears_as: "Sam (sam@contoso.com)".to_owned(),
        approval: Approval::Own,
        type_back: None,
        rules: Rules {
            catalog: Digest::of(b"catalog"),
            policy: Digest::of(b"policy"),
            allowed_by: vec!["licences-helpdesk".to_owned()],
        },
    }
}

pub(crate) fn approved_by(approval: Approval) -> Plan {
    Plan { approval, ..plan() }
}

pub(crate) fn typed() -> Plan {
    Plan { type_back: Some(UPN.to_owned()), ..plan() }
}

/// Doug asked for it and was shown it.
pub(crate) fn waiting(plan: Plan) -> Waiting {
    let proposal = Proposal {
        request: RequestId::new(Uuid::from_u128(5)),
        heard: Heard { message: MessageId::new(PROMPT - 1000), ..says(DOUG, "give Sarah an E3") },
        actions: plan.asked.clone(),
        mode: Mode::Ask,
    };
    Waiting::ask(proposal, plan, MessageId::new(PROMPT), SHOWN)
}

/// What one message right after the prompt means.
pub(crate) fn hear(waiting: Waiting, heard: &Heard) -> Verdict {
    waiting.hear(heard, english(), SHOWN)
}

pub(crate) fn standing(assent: &Assent) -> Vec<Standing> {
    vec![Standing { prompt: true, answer: true }; assent.given().len()]
}

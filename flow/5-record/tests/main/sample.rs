//! A plan and every yes it needs, for whoever puts one on the record: these tests, those beside the
//! code, and the bench.

use jiff::Timestamp;
use subtwin_confirm::{Answers, Asked, Confirmed, Standing, Verdict, Waiting};
use subtwin_hear::{Heard, RefersTo, Speaker};
use subtwin_kernel::{
    Action, AppId, Approval, ChatId, Digest, Inverse, MessageId, Method, Part, Plan, PrincipalKind,
    RequestId, Rules, Shown, SkuId, Step, TenantId, TwinId, UserId,
};
use subtwin_primitives::Twin;
use subtwin_understand::{Mode, Proposal};
use uuid::Uuid;

/// When everything is said: 2026-07-01T09:59:59Z.
const SAID: Timestamp = Timestamp::constant(1_782_899_999, 0);

pub(crate) fn twin() -> Twin {
    Twin {
        tenant: tenant(),
        id: Some(TwinId::new(Uuid::from_u128(901))),
        name: "Sam".to_owned(),
        upn: Some("sam@contoso.com".to_owned()),
        acts_as: PrincipalKind::MemberUser,
        token_of: None,
        app: AppId::new(Uuid::from_u128(902)),
    }
}

/// One licence for somebody; whom, by number.
pub(crate) fn plan(number: u64) -> Plan {
    let person = UserId::new(Uuid::from_u128(u128::from(number) + 1000));
    let sku = SkuId::new(Uuid::from_u128(7));
    let action = Action::LicenseAssign { person, sku, disabled_plans: Vec::new() };
    let part = Part {
        step: Step {
            method: Method::Post,
            path: format!("/v1.0/users/{person}/assignLicense"),
            body: Some(serde_json::json!({
                "addLicenses": [{ "disabledPlans": [], "skuId": sku }],
                "removeLicenses": [],
            })),
        },
        shown: Shown {
            headline: "Give Sarah Lin (sarah.lin@contoso.com) a Microsoft 365 E3 licence."
                .to_owned(),
            target: "Sarah Lin (sarah.lin@contoso.com), Sales".to_owned(),
            object: Some("Microsoft 365 E3 licence".to_owned()),
            before: "no licence".to_owned(),
            after: "Microsoft 365 E3".to_owned(),
            consequences: vec!["One of 4 free seats is used.".to_owned()],
            undo: "It can be taken away again.".to_owned(),
        },
        inverse: Inverse::Action(Action::LicenseRemove { person, sku }),
        touches: action.touches(),
        type_back: None,
        action: action.clone(),
    };
    Plan {
        asked: vec![action],
        parts: vec![part],
        left_out: Vec::new(),
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

/// A confirmed plan, by the only way there is: shown by the gate, and answered by everybody whose
/// yes it needs. Nothing if the gate does not take that for a yes.
pub(crate) fn confirmed(request: RequestId, plan: &Plan) -> Option<Confirmed> {
    let (requester, chat) =
        (UserId::new(Uuid::from_u128(903)), ChatId::parse("19:doug_sam@unq.gbl.spaces").ok()?);
    let proposal = Proposal {
        request,
        heard: heard(requester, &chat, 1, "please"),
        actions: plan.asked.clone(),
        mode: Mode::Ask,
    };
    let answer = plan.type_back.clone().unwrap_or_else(|| "yes".to_owned());
    let waiting = Waiting::ask(proposal, plan.clone(), MessageId::new(2), SAID);
    let mut verdict = waiting.hear(&heard(requester, &chat, 3, &answer), &Answers::new([]), SAID);
    for approver in 910.. {
        match verdict {
            Verdict::Yes(assent) => {
                let stands = Standing { prompt: true, answer: true };
                let standing = vec![stands; assent.given().len()];
                return assent.release(plan, &standing, SAID).ok();
            }
            Verdict::More(waiting) => {
                let chat = ChatId::parse(&format!("19:{approver}_sam@unq.gbl.spaces")).ok()?;
                let approver = UserId::new(Uuid::from_u128(approver));
                let asked = Asked { approver, chat: chat.clone(), prompt: MessageId::new(4) };
                let yes = heard(approver, &chat, 5, &answer);
                verdict = waiting.shown_to(asked).hear(&yes, &Answers::new([]), SAID);
            }
            Verdict::Over(_) | Verdict::Wait(..) => return None,
        }
    }
    None
}

fn heard(from: UserId, chat: &ChatId, message: u64, text: &str) -> Heard {
    Heard {
        chat: chat.clone(),
        message: MessageId::new(message),
        from: Speaker { tenant: tenant(), user: from, display_name: "Doug".to_owned() },
        text: text.to_owned(),
        one_on_one: true,
        at: SAID,
        edited: false,
        refers_to: RefersTo::Nothing,
    }
}

fn tenant() -> TenantId {
    TenantId::new(Uuid::from_u128(900))
}

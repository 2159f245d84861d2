//! The gate from outside: whatever is said, by whomever, in whatever order.

#![expect(clippy::unwrap_used, reason = "a test may stop where its own data is wrong")]

use jiff::{SignedDuration, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;
use subtwin_confirm::{Declined, Ignored, PATIENCE, Verdict, Waiting, prompt};
use subtwin_hear::{Heard, RefersTo, Speaker};
use subtwin_kernel::{
    Action, ChatId, MessageId, Method, Plan, RequestId, SkuId, Step, Summary, TenantId, UserId,
};
use subtwin_understand::Proposal;
use uuid::Uuid;

const DOUG: UserId = UserId::new(Uuid::from_u128(1));
const HOME: TenantId = TenantId::new(Uuid::from_u128(100));
const SHOWN: i64 = 1_800_000_000;

fn heard(from: UserId, tenant: TenantId, chat: &str, message: u64, text: &str) -> Heard {
    Heard {
        chat: ChatId::parse(chat).unwrap(),
        message: MessageId::new(message),
        from: Speaker { tenant, user: from, display_name: "Doug Hale".to_owned() },
        text: text.to_owned(),
        one_on_one: true,
        at: Timestamp::UNIX_EPOCH,
        edited: false,
        refers_to: RefersTo::Nothing,
    }
}

fn plan() -> Plan {
    let person = UserId::new(Uuid::from_u128(7));
    let sku = SkuId::new(Uuid::from_u128(8));
    Plan {
        action: Action::LicenseAssign { person, sku },
        steps: vec![Step {
            method: Method::Post,
            path: format!("/v1.0/users/{person}/assignLicense"),
            body: Some(json!({"addLicenses": [{"skuId": sku}], "removeLicenses": []})),
        }],
        summary: Summary {
            headline: "Assign Microsoft 365 E3 to Sarah Lin (sarah.lin@contoso.com)".to_owned(),
            target: "Sarah Lin (sarah.lin@contoso.com), Sales".to_owned(),
            object: Some("Microsoft 365 E3 licence".to_owned()),
            before: "no Microsoft 365 E3".to_owned(),
            after: "Microsoft 365 E3; 3 of 25 seats left".to_owned(),
            consequences: vec!["One paid seat is used.".to_owned()],
            undo: "I can remove it again.".to_owned(),
            appears_as: "Sam (sam@contoso.com)".to_owned(),
        },
    }
}

fn waiting() -> Waiting {
    let asked = heard(DOUG, HOME, "19:doug_sam@unq.gbl.spaces", 1000, "give Sarah an E3");
    let proposal = Proposal {
        request: RequestId::new(Uuid::from_u128(5)),
        heard: asked,
        action: plan().action,
    };
    Waiting::ask(proposal, plan(), MessageId::new(2000), shown())
}

fn shown() -> Timestamp {
    Timestamp::from_second(SHOWN).unwrap()
}

fn yes() -> Heard {
    heard(DOUG, HOME, "19:doug_sam@unq.gbl.spaces", 3000, "yes")
}

#[test]
fn the_requesters_yes_releases_exactly_the_plan_that_was_shown() {
    let Verdict::Yes(assent) = waiting().hear(&yes(), shown()) else { panic!("no verdict of yes") };
    let confirmed = assent.release(&plan(), true).unwrap();
    assert_eq!(confirmed.plan(), &plan());
    assert_eq!(confirmed.requester().user, DOUG);
    assert_eq!(confirmed.answer(), MessageId::new(3000));
}

#[test]
fn a_yes_by_somebody_else_or_elsewhere_or_from_before_does_not_count() {
    let cases = [
        (
            heard(UserId::new(Uuid::from_u128(2)), HOME, "19:doug_sam@unq.gbl.spaces", 3000, "yes"),
            Ignored::SomebodyElse,
        ),
        (
            heard(
                DOUG,
                TenantId::new(Uuid::from_u128(9)),
                "19:doug_sam@unq.gbl.spaces",
                3000,
                "yes",
            ),
            Ignored::SomebodyElse,
        ),
        (heard(DOUG, HOME, "19:another@thread.v2", 3000, "yes"), Ignored::OtherChat),
        (heard(DOUG, HOME, "19:doug_sam@unq.gbl.spaces", 2000, "yes"), Ignored::TooOld),
        (Heard { edited: true, ..yes() }, Ignored::Edited),
        (
            Heard { refers_to: RefersTo::Message(MessageId::new(1500)), ..yes() },
            Ignored::RefersElsewhere,
        ),
        (Heard { refers_to: RefersTo::Something, ..yes() }, Ignored::RefersElsewhere),
        (Heard { text: "yes, but for Bob".to_owned(), ..yes() }, Ignored::NeitherYesNorNo),
    ];
    for (reply, expected) in cases {
        match waiting().hear(&reply, shown()) {
            Verdict::Wait(_, why) => assert_eq!(why, expected, "{reply:?}"),
            other => panic!("{reply:?} gave {other:?}"),
        }
    }
}

#[test]
fn a_yes_that_quotes_this_very_prompt_counts() {
    let quoting = Heard { refers_to: RefersTo::Message(MessageId::new(2000)), ..yes() };
    assert!(matches!(waiting().hear(&quoting, shown()), Verdict::Yes(_)));
}

#[test]
fn a_late_yes_releases_nothing() {
    let late = shown() + SignedDuration::try_from(PATIENCE).unwrap() + SignedDuration::from_secs(1);
    let Verdict::Over(over) = waiting().hear(&yes(), late) else { panic!("released") };
    assert_eq!(over.why, Declined::Expired);
}

#[test]
fn a_no_ends_it() {
    let no = Heard { text: "No, thanks".to_owned(), ..yes() };
    let Verdict::Over(over) = waiting().hear(&no, shown()) else { panic!("still open") };
    assert_eq!(over.why, Declined::No);
    assert_eq!(over.plan, plan());
}

#[test]
fn anything_that_changed_since_it_was_shown_voids_the_yes() {
    let assent = || match waiting().hear(&yes(), shown()) {
        Verdict::Yes(assent) => assent,
        other => panic!("{other:?}"),
    };
    let mut fewer_seats = plan();
    fewer_seats.summary.after = "Microsoft 365 E3; 2 of 25 seats left".to_owned();
    assert_eq!(assent().release(&fewer_seats, true).unwrap_err().why, Declined::Drifted);
    let mut other_request = plan();
    other_request.steps[0].body = Some(json!({"addLicenses": [], "removeLicenses": []}));
    assert_eq!(assent().release(&other_request, true).unwrap_err().why, Declined::Drifted);
    assert_eq!(assent().release(&plan(), false).unwrap_err().why, Declined::PromptChanged);
}

#[test]
fn the_prompt_says_everything_the_summary_holds() {
    let text = prompt(&plan()).to_text();
    let shown = plan().summary;
    for part in [
        &shown.headline,
        &shown.target,
        &shown.before,
        &shown.after,
        &shown.undo,
        &shown.appears_as,
        &shown.consequences[0],
    ] {
        assert!(text.contains(part.as_str()), "`{part}` is missing in:\n{text}");
    }
    let digest: String = plan().digest().to_string().chars().take(12).collect();
    assert!(text.contains(&digest), "{text}");
}

proptest! {
    /// Only a timely, fresh, unedited bare yes by the requester, in the chat, releases; and once.
    #[test]
    fn only_the_requesters_yes_releases(
        talk in vec(
            (0u128..3, 0usize..2, 1990u64..2020, "(?i)yes|no|yes please|.{0,8}", any::<bool>(),
             0i64..700),
            0..20,
        ),
    ) {
        let mut wait = Some(waiting());
        let mut releases = 0;
        for (who, chat, id, text, edited, after) in talk {
            let Some(waiting) = wait.take() else { break };
            let chat = ["19:doug_sam@unq.gbl.spaces", "19:else@thread.v2"][chat];
            let mut reply = heard(UserId::new(Uuid::from_u128(who)), HOME, chat, id, &text);
            reply.edited = edited;
            let now = shown() + SignedDuration::from_secs(after);
            match waiting.hear(&reply, now) {
                Verdict::Yes(assent) => {
                    prop_assert_eq!(who, 1);
                    prop_assert!(chat.contains("doug_sam") && id > 2000 && !edited && after <= 300);
                    prop_assert!(text.to_lowercase().starts_with('y'), "{}", text);
                    prop_assert!(assent.release(&plan(), true).is_ok());
                    releases += 1;
                }
                Verdict::Over(_) => {}
                Verdict::Wait(again, _) => wait = Some(again),
            }
        }
        prop_assert!(releases <= 1);
    }
}

//! From what somebody asks to one plan, under the policies and from the directory.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::FutureExt as _;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use subtwin_confirm::{Gate, NOT_ALLOWED, Offered, Refusal};
use subtwin_kernel::{Action, Approval, Digest, Plan, Property, SkuId, Tool, UserId};
use subtwin_policy::Policies;

use crate::company::{
    ADA, ADMINS, BOB, Company, DANA, DOUG, E3, FINANCE, GINA, IRIS, MONA, PAUL, SAM, SARAH, VISIO,
};

/// A Tuesday, ten in the morning.
pub(crate) const NOW: Timestamp = Timestamp::constant(1_782_208_800, 0);

pub(crate) fn gate(company: Company) -> Gate {
    gate_with(company, Policies::shipped(), Tool::ALL.to_vec())
}

pub(crate) fn gate_with(company: Company, policies: Policies, tools: Vec<Tool>) -> Gate {
    let offered = Offered { tools, digest: Digest::of(b"catalog") };
    Gate::new(Arc::new(company), policies, offered, TimeZone::UTC)
}

pub(crate) fn policies(text: &str) -> Policies {
    Policies::read(&[("own.cedar".to_owned(), text.to_owned())]).unwrap()
}

/// The company is in memory: every answer is there at once.
pub(crate) fn planned_by(gate: &Gate, who: UserId, actions: &[Action]) -> Result<Plan, Refusal> {
    gate.plan(actions, who, NOW).now_or_never().unwrap()
}

pub(crate) fn planned(actions: &[Action]) -> Result<Plan, Refusal> {
    planned_by(&gate(Company::new()), DOUG, actions)
}

pub(crate) fn licence(person: UserId, sku: SkuId) -> Action {
    Action::LicenseAssign { person, sku, disabled_plans: vec![] }
}

pub(crate) fn joins(person: UserId) -> Action {
    Action::GroupMemberAdd { person, group: FINANCE }
}

pub(crate) fn pass(person: UserId) -> Action {
    Action::TapIssue { person, minutes: 60, reusable: false }
}

fn approvers(gate: &Gate, plan: &Plan, requester: UserId) -> Result<Vec<UserId>, Refusal> {
    gate.approvers(plan, requester, NOW).now_or_never().unwrap()
}

fn code(refusal: &Refusal) -> &str {
    match refusal {
        Refusal::Impossible { code, .. } => code,
        Refusal::AlreadySo(_) => "already so",
        Refusal::NotAllowed { .. } => "not allowed",
        Refusal::Unavailable { .. } => "unavailable",
        _ => "new",
    }
}

#[test]
fn one_thing_asked_for_is_one_plan_of_it_under_the_rules_of_now() {
    let asked = [licence(SARAH, E3)];
    let plan = planned(&asked).unwrap();
    assert_eq!(plan.asked, asked);
    let [part] = plan.parts.as_slice() else { panic!("{plan:?}") };
    assert_eq!(part.action, asked[0]);
    assert_eq!((plan.approval, &plan.type_back), (Approval::Own, &None));
    assert_eq!(plan.left_out, Vec::<String>::new());
    assert_eq!(plan.appears_as, "Sam (sam@contoso.com)");
    assert_eq!(plan.rules.catalog, Digest::of(b"catalog"));
    assert_eq!(plan.rules.policy, Policies::shipped().digest());
    assert_eq!(plan.rules.allowed_by, ["licences-helpdesk"]);
}

#[test]
fn a_tool_the_twin_was_not_set_up_with_is_refused_whoever_asks() {
    let tools: Vec<Tool> = Tool::ALL.into_iter().filter(|t| *t != Tool::LicenseAssign).collect();
    let gate = gate_with(Company::new(), Policies::shipped(), tools);
    for who in [DOUG, SARAH] {
        let refusal = planned_by(&gate, who, &[licence(SARAH, E3)]).unwrap_err();
        assert_eq!(code(&refusal), "not-offered", "{refusal:?}");
    }
    assert!(planned_by(&gate, DOUG, &[joins(SARAH)]).is_ok());
}

#[test]
fn what_is_read_is_refused_too_where_the_twin_was_not_set_up_with_it() {
    let may = |tools: Vec<Tool>, action: &Action, who| {
        let gate = gate_with(Company::new(), Policies::shipped(), tools);
        gate.may_read(action, who, NOW).now_or_never().unwrap()
    };
    let explain = Action::SigninExplain { person: SARAH };
    let refusal = may(vec![Tool::UserFind], &explain, DOUG).unwrap_err();
    assert_eq!(code(&refusal), "not-offered", "{refusal:?}");
    let all = || Tool::ALL.to_vec();
    may(all(), &explain, DOUG).unwrap();
    may(all(), &explain, SARAH).unwrap();
    let refusal = may(all(), &explain, PAUL).unwrap_err();
    assert_eq!(code(&refusal), "not allowed", "{refusal:?}");
    may(all(), &Action::UserFind { person: SARAH }, PAUL).unwrap();
}

#[test]
fn what_the_policies_deny_is_not_allowed_and_the_record_learns_by_which() {
    let rules = |who, action| match planned_by(&gate(Company::new()), who, &[action]).unwrap_err() {
        Refusal::NotAllowed { rules } => rules,
        other => panic!("{other:?}"),
    };
    assert_eq!(rules(PAUL, licence(SARAH, E3)), Vec::<String>::new(), "nothing allows it");
    assert_eq!(rules(GINA, licence(SARAH, E3)), ["always-no-guest"]);
    assert_eq!(rules(BOB, licence(SARAH, E3)), ["always-enabled"]);
    assert_eq!(rules(SAM, licence(SARAH, E3)), ["always-no-twin"]);
    assert_eq!(rules(DOUG, licence(SAM, E3)), ["always-protected"]);
    assert_eq!(rules(DOUG, Action::PasswordReset { person: ADA }), ["always-privileged"]);
    let admins = Action::GroupMemberAdd { person: SARAH, group: ADMINS };
    assert_eq!(rules(DOUG, admins), ["always-role-group"]);
    // Whoever is not in the directory is nobody.
    let stranger = UserId::new(uuid::Uuid::from_u128(999));
    assert_eq!(rules(stranger, licence(SARAH, E3)), Vec::<String>::new());
}

#[test]
fn a_directory_that_does_not_answer_decides_nothing() {
    for about in [SARAH, DOUG] {
        let company = Company { silent_about: Some(about), ..Company::new() };
        let asked = [licence(MONA, E3), licence(SARAH, VISIO)];
        let refusal = planned_by(&gate(company), DOUG, &asked).unwrap_err();
        assert_eq!(code(&refusal), "unavailable", "{refusal:?}");
    }
    // An approver of whom nothing is known is not merely passed over.
    let plan = planned(&[pass(SARAH)]).unwrap();
    let company = Company { silent_about: Some(PAUL), ..Company::new() };
    let refusal = approvers(&gate(company), &plan, DOUG).unwrap_err();
    assert_eq!(code(&refusal), "unavailable", "{refusal:?}");
}

#[test]
fn the_hour_is_that_of_the_twins_time_zone() {
    let office = r#"@id("office-hours") permit (principal, action, resource)
        when { context.hour >= 9 && context.hour < 17 && context.weekday == "tuesday" };"#;
    let at = |zone: &str, now| {
        let offered = Offered { tools: Tool::ALL.to_vec(), digest: Digest::of(b"catalog") };
        let zone = if zone == "UTC" { TimeZone::UTC } else { TimeZone::posix(zone).unwrap() };
        let gate = Gate::new(Arc::new(Company::new()), policies(office), offered, zone);
        gate.plan(&[licence(SARAH, E3)], DOUG, now).now_or_never().unwrap().is_ok()
    };
    assert!(at("UTC", NOW), "ten o'clock");
    assert!(!at("<-08>8", NOW), "two o'clock at night");
    assert!(!at("<+09>-9", NOW), "seven in the evening");
    assert!(!at("UTC", NOW + jiff::SignedDuration::from_hours(24)), "a Wednesday");
}

#[test]
fn what_concerns_how_somebody_signs_in_needs_an_approver_and_what_cannot_be_undone_is_typed() {
    for (action, approval, type_back) in [
        (licence(SARAH, E3), Approval::Own, None),
        (Action::AccountBlock { person: SARAH }, Approval::Own, None),
        (pass(SARAH), Approval::Another, None),
        (Action::PasswordReset { person: SARAH }, Approval::Another, None),
        (Action::MfaReset { person: SARAH }, Approval::Another, Some("sarah.lin@contoso.com")),
    ] {
        let plan = planned(std::slice::from_ref(&action)).unwrap();
        let is = (plan.approval, plan.type_back.as_deref());
        assert_eq!(is, (approval, type_back), "{action:?}");
    }
}

#[test]
fn somebody_whose_name_looks_like_anothers_is_typed() {
    let plan = planned(&[licence(IRIS, E3)]).unwrap();
    assert_eq!(plan.type_back.as_deref(), Some("iris.lee@contoso.com"));
    let plan = planned(&[licence(crate::company::LRIS, E3)]).unwrap();
    assert_eq!(plan.type_back.as_deref(), Some("lris.lee@contoso.com"));
}

#[test]
fn approvers_are_those_who_may_in_the_order_in_which_they_should_be_asked() {
    let gate = gate(Company::new());
    let plan = planned_by(&gate, DOUG, &[pass(SARAH)]).unwrap();
    // Listed are Paul, the twin, a guest, a blocked account, Doug, Sarah, Dana, and Paul again.
    assert_eq!(approvers(&gate, &plan, DOUG).unwrap(), [PAUL, DANA]);
    let plan = planned_by(&gate, DANA, &[pass(SARAH)]).unwrap();
    assert_eq!(approvers(&gate, &plan, DANA).unwrap(), [PAUL, DOUG]);
    // Whom it is about is not asked, though they are listed.
    let plan = planned_by(&gate, DOUG, &[pass(PAUL)]).unwrap();
    assert_eq!(approvers(&gate, &plan, DOUG).unwrap(), [SARAH, DANA]);
}

#[test]
fn approvers_never_contain_requester_target_twin_or_guest_whatever_the_policies_say() {
    let anybody = r#"@id("anybody") permit (principal, action, resource)
        when { principal.upn like "*" };"#;
    let gate = gate_with(Company::new(), policies(anybody), Tool::ALL.to_vec());
    for requester in [DOUG, SARAH, PAUL] {
        for person in [SARAH, DANA, MONA] {
            let plan = planned_by(&gate, requester, &[pass(person)]).unwrap();
            let found = approvers(&gate, &plan, requester).unwrap();
            for never in [requester, person, SAM, GINA, BOB] {
                assert!(!found.contains(&never), "{never} among {found:?}");
                let may = gate.may_approve(&plan, requester, never, NOW).now_or_never().unwrap();
                assert!(!may.unwrap(), "{never} may approve what {requester} asks about {person}");
            }
        }
    }
}

#[test]
fn a_plan_about_several_is_approved_by_none_of_them() {
    let everything = r#"@id("another") @approval("another")
        permit (principal, action in Action::"change", resource) when { principal.helpdesk };
        @id("approve") permit (principal, action == Action::"approve", resource)
        when { principal.approver };"#;
    let gate = gate_with(Company::new(), policies(everything), Tool::ALL.to_vec());
    let plan = planned_by(&gate, DOUG, &[licence(SARAH, E3), licence(DANA, E3)]).unwrap();
    assert_eq!(plan.approval, Approval::Another);
    assert_eq!(approvers(&gate, &plan, DOUG).unwrap(), [PAUL]);
}

#[test]
fn too_few_approvers_is_a_refusal_that_says_whom_to_ask() {
    let two = r#"@id("two") @approval("two")
        permit (principal, action, resource) when { principal.helpdesk };
        @id("approve") permit (principal, action == Action::"approve", resource)
        when { principal.approver };"#;
    let with = |listed: &[UserId]| {
        let company = Company { approvers: listed.to_vec(), ..Company::new() };
        let gate = gate_with(company, policies(two), Tool::ALL.to_vec());
        let plan = planned_by(&gate, DOUG, &[licence(SARAH, E3)]).unwrap();
        assert_eq!(plan.approval, Approval::Two);
        approvers(&gate, &plan, DOUG)
    };
    assert_eq!(with(&[PAUL, MONA]).unwrap(), [PAUL, MONA]);
    for too_few in [&[][..], &[PAUL], &[PAUL, PAUL], &[PAUL, DOUG], &[PAUL, SARAH], &[PAUL, SAM]] {
        let refusal = with(too_few).unwrap_err();
        assert_eq!(code(&refusal), "no-approver", "{too_few:?}");
        assert!(refusal.to_string().contains("name approvers"), "{refusal}");
    }
}

#[test]
fn may_approve_is_asked_of_the_directory_anew() {
    let plan = planned(&[pass(SARAH)]).unwrap();
    let may = |company: Company, approver| {
        gate(company).may_approve(&plan, DOUG, approver, NOW).now_or_never().unwrap().unwrap()
    };
    assert!(may(Company::new(), PAUL));
    assert!(!may(Company { approvers: vec![], ..Company::new() }, PAUL), "not listed any more");
    let mut blocked = Company::new();
    blocked.people.iter_mut().filter(|person| person.id == PAUL).for_each(|p| p.enabled = false);
    assert!(!may(blocked, PAUL), "blocked meanwhile");
    let mut gone = Company::new();
    gone.people.retain(|person| person.id != PAUL);
    assert!(!may(gone, PAUL), "not in the directory any more");
}

#[test]
fn a_phone_number_counts_as_how_somebody_signs_in() {
    let set = |property| {
        let set = BTreeMap::from([(property, "+49 30 1234".to_owned())]);
        Action::UserUpdate { person: SARAH, set }
    };
    assert_eq!(planned(&[set(Property::MobilePhone)]).unwrap().approval, Approval::Another);
    assert_eq!(planned(&[set(Property::JobTitle)]).unwrap().approval, Approval::Own);
    let both = [licence(SARAH, E3), set(Property::MobilePhone)];
    let plan = planned(&both).unwrap();
    assert_eq!(plan.asked, [licence(SARAH, E3)], "it is done on its own: {:?}", plan.left_out);
}

#[test]
fn the_reason_for_a_denial_teaches_nothing() {
    let plan = planned(&[licence(SARAH, E3), licence(SAM, E3)]).unwrap();
    assert_eq!(plan.left_out, [format!("{NOT_ALLOWED} (m365.license.assign, sam@contoso.com)")]);
}

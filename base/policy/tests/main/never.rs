use std::sync::LazyLock;

use proptest::prelude::*;
use subtwin_kernel::{Action, Risk, Tool, UserId};
use subtwin_policy::{Asker, Decision, GroupTarget, Policies, Protected, Target};

use crate::company::{deeds, finance, user};

/// Policies as somebody careless, or somebody bribed, could write them: everything for everybody,
/// some of them with nobody else's yes.
static LAX: LazyLock<Vec<Policies>> = LazyLock::new(|| {
    let conditions = [
        "context.hour >= 0 || principal.helpdesk",
        "resource.privileged || !resource.privileged",
        "principal.guest || principal.twin || principal.helpdesk || !principal.helpdesk",
        "resource == principal || resource != principal",
        "context.count >= 0 || context.credential",
    ];
    let lax = |(number, condition): (usize, &str)| {
        // It means nothing for a yes, so there are two permits.
        let approval = if number % 2 == 0 { "@approval(\"own\")" } else { "" };
        let text = format!(
            "@id(\"lax\") {approval} permit (principal, action in [Action::\"read\", Action::\"change\"], resource) when {{ {condition} }};
             @id(\"yes\") permit (principal, action == Action::\"approve\", resource) when {{ {condition} }};"
        );
        Policies::read(&[("lax.cedar".to_owned(), text)]).expect("lax, but well formed")
    };
    conditions.into_iter().enumerate().map(lax).collect()
});

fn lax() -> impl Strategy<Value = Policies> {
    (0..LAX.len()).prop_map(|number| LAX[number].clone())
}

#[derive(Clone, Debug)]
struct Case {
    approver: Asker,
    asker: Asker,
    target: Target,
    group: GroupTarget,
    deed: usize,
}

fn case() -> impl Strategy<Value = Case> {
    let people = (any::<[u8; 3]>(), any::<[[bool; 5]; 3]>());
    let target = (any::<[bool; 2]>(), 0_usize..7, prop::option::of(0_u128..4), any::<bool>());
    let deed = 0_usize..deeds(user(0)).len();
    (people, target, deed).prop_map(|((ids, flags), target, deed)| {
        let [synced, privileged] = target.0;
        let (protected, manager, role_assignable) = (target.1, target.2, target.3);
        // What is true of a person is true of them in every part they play.
        let person = |part: usize| {
            let number = usize::from(ids[part] % 3);
            let [enabled, guest, twin, helpdesk, approver] = flags[number];
            Asker {
                id: user(number as u128),
                upn: format!("person{number}@contoso.com"),
                // Mostly ordinary people, or nothing else would ever be seen.
                enabled: enabled || flags[number][3],
                guest: guest && flags[number][4],
                twin: twin && flags[number][4],
                helpdesk,
                approver,
                department: (number == 1).then(|| "Sales".to_owned()),
                groups: Vec::new(),
            }
        };
        let (approver, asker, about) = (person(0), person(1), person(2));
        let target = Target {
            id: about.id,
            upn: about.upn,
            enabled: about.enabled,
            guest: about.guest,
            department: about.department,
            synced,
            manager: manager.map(user),
            privileged,
            protected: [
                Some(Protected::Twin),
                Some(Protected::Sponsor),
                Some(Protected::BreakGlass),
            ]
            .get(protected)
            .copied()
            .flatten(),
        };
        Case { approver, asker, target, group: GroupTarget { role_assignable, ..finance() }, deed }
    })
}

impl Case {
    fn action(&self) -> Action {
        deeds(self.target.id).swap_remove(self.deed).1
    }

    fn ask(&self, policies: &Policies, action: &Action) -> (Decision, Decision) {
        let question = crate::company::question(&self.asker, action, &self.target, &self.group);
        (policies.decide(&question), policies.may_approve(&self.approver, &question))
    }

    /// Why nobody may do this, by the rules that are always in force.
    fn barred(&self, action: &Action) -> bool {
        let changes = action.tool().risk() != Risk::Read;
        let of_privileged = match action.tool() {
            Tool::PasswordReset
            | Tool::TapIssue
            | Tool::MfaReset
            | Tool::SessionRevoke
            | Tool::AccountBlock
            | Tool::AccountUnblock
            | Tool::UserUpdate => true,
            Tool::UserFind
            | Tool::SigninExplain
            | Tool::LicenseAssign
            | Tool::LicenseRemove
            | Tool::GroupMemberAdd
            | Tool::GroupMemberRemove => false,
        };
        changes && self.target.protected.is_some()
            || of_privileged && self.target.privileged
            || action.group().is_some() && self.group.role_assignable
    }
}

const fn is_fit(asker: &Asker) -> bool {
    asker.enabled && !asker.guest && !asker.twin
}

const fn allows(decision: &Decision) -> bool {
    matches!(decision, Decision::Allow { .. })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// A guest, a twin and a disabled account get nothing; a protected account, an administrator's
    /// credentials and a group with roles are not changed, whatever a policy says; all else the lax
    /// policies allow, so that this is not true for want of allowing anything.
    #[test]
    fn what_is_never_allowed_is_not_allowed_by_any_policy(policies in lax(), case in case()) {
        let action = case.action();
        let (decision, _) = case.ask(&policies, &action);
        let may = is_fit(&case.asker) && !case.barred(&action);
        prop_assert_eq!(allows(&decision), may, "{:?} {:?}", decision, case);
    }

    /// Nobody says yes for themselves or about themselves in another's place.
    #[test]
    fn nobody_approves_their_own_request_or_what_is_about_themselves(
        policies in lax(),
        case in case(),
    ) {
        let action = case.action();
        let (_, approval) = case.ask(&policies, &action);
        let ids: [UserId; 2] = [case.asker.id, case.target.id];
        let may = is_fit(&case.approver) && !ids.contains(&case.approver.id);
        prop_assert_eq!(allows(&approval), may, "{:?} {:?}", approval, case);
    }

    /// With the shipped policies, whoever may do something to a colleague's credentials is helpdesk,
    /// is somebody else, and needs another's yes.
    #[test]
    fn only_helpdesk_touches_credentials_and_never_alone(case in case()) {
        let action = case.action();
        let (decision, _) = case.ask(&Policies::shipped(), &action);
        let risky = action.risk() >= Risk::HighPrivilege;
        if let (true, Decision::Allow { approval, typed, .. }) = (risky, &decision) {
            prop_assert!(case.asker.helpdesk && case.asker.id != case.target.id, "{:?}", case);
            prop_assert!(approval.approvers() == 1, "{:?}", decision);
            prop_assert_eq!(*typed, action.risk() == Risk::Destructive, "{:?}", decision);
        }
    }

    /// Whatever is read, it is understood or faulted, and nothing else.
    #[test]
    fn any_text_is_read_or_faulted(text in "\\PC{0,200}|(permit|forbid|@id\\(\"a\"\\)|\\(|\\)|principal|,|;|when|\\{|\\}|==|&&|\"|action|resource| |\n|in|Group::\"x\"|has|\\.|context){0,40}") {
        if let Err(error) = Policies::read(&[("any.cedar".to_owned(), text)]) {
            prop_assert!(!error.faults().is_empty());
            let said = error.to_string();
            prop_assert!(!said.contains(char::from(27)), "{}", said);
        }
    }
}
